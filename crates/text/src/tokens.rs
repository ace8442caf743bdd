use burn::tensor::{Device, Int, Tensor, TensorData};

/// A prompt's tokens, cut or padded to a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// As many as the context is long.
    pub ids: Vec<u32>,
    /// How many of these are not padding: all others follow them.
    pub length: usize,
    /// How many of the prompt's tokens did not fit.
    pub dropped: usize,
}

impl Tokens {
    /// Cuts what is too long before its last token, the end mark, and pads what is too short.
    pub(crate) fn fit(mut ids: Vec<u32>, context: usize, pad: u32) -> Self {
        let dropped = ids.len().saturating_sub(context);
        if dropped > 0 {
            let end = ids.split_off(ids.len() - 1);
            ids.truncate(context.saturating_sub(1));
            ids.extend(end);
            ids.truncate(context);
        }
        let length = ids.len();
        ids.resize(context, pad);
        Self { ids, length, dropped }
    }

    /// The ids of several prompts, of one context each.
    ///
    /// # Shapes
    ///
    /// - output: `[B, T]`
    pub fn upload(prompts: &[Self], device: &Device) -> Tensor<2, Int> {
        let ids = prompts.iter().flat_map(|tokens| tokens.ids.iter().map(|&id| i64::from(id)));
        rows(ids.collect(), prompts.len(), device)
    }

    /// 1 for what is not padding, 0 for padding.
    ///
    /// # Shapes
    ///
    /// - output: `[B, T]`
    pub fn masks(prompts: &[Self], device: &Device) -> Tensor<2, Int> {
        let mask = prompts
            .iter()
            .flat_map(|tokens| (0..tokens.ids.len()).map(|position| i64::from(position < tokens.length)));
        rows(mask.collect(), prompts.len(), device)
    }
}

fn rows(values: Vec<i64>, rows: usize, device: &Device) -> Tensor<2, Int> {
    let columns = values.len() / rows.max(1);
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_prompt_keeps_its_end_mark() {
        let tokens = Tokens::fit(vec![1, 5, 6, 7, 8, 2], 4, 0);
        assert_eq!(tokens, Tokens { ids: vec![1, 5, 6, 2], length: 4, dropped: 2 });
    }

    #[test]
    fn a_short_prompt_is_padded_and_an_exact_one_is_left() {
        assert_eq!(Tokens::fit(vec![1, 2], 4, 9), Tokens { ids: vec![1, 2, 9, 9], length: 2, dropped: 0 });
        assert_eq!(Tokens::fit(vec![1, 5, 2], 3, 9), Tokens { ids: vec![1, 5, 2], length: 3, dropped: 0 });
    }
}
