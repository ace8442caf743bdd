use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::TextError;

/// What `tokenizer_config.json` and `special_tokens_map.json` say.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct TokenizerKeys {
    pub(crate) bos_token: Option<Mark>,
    pub(crate) eos_token: Option<Mark>,
    pub(crate) pad_token: Option<Mark>,
    pub(crate) unk_token: Option<Mark>,
    pub(crate) do_lower_case: Option<bool>,
    pub(crate) tokenize_chinese_chars: Option<bool>,
    pub(crate) strip_accents: Option<bool>,
    /// Written as 1e30 where there is no limit.
    pub(crate) model_max_length: Option<f64>,
}

/// A token that stands for something else than text: its spelling, perhaps with how it is matched.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Mark {
    Text(String),
    Object { content: String },
}

impl TokenizerKeys {
    /// Reads both files where they are there; the second goes before the first.
    pub(crate) fn read(folder: &Path) -> Result<Self, TextError> {
        let mut keys = Self::default();
        for name in ["special_tokens_map.json", "tokenizer_config.json"] {
            let path = folder.join(name);
            if !path.exists() {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(TextError::io("read", &path))?;
            let found: Self = serde_json::from_str(&text).map_err(TextError::damaged(&path))?;
            keys = Self {
                bos_token: found.bos_token.or(keys.bos_token),
                eos_token: found.eos_token.or(keys.eos_token),
                pad_token: found.pad_token.or(keys.pad_token),
                unk_token: found.unk_token.or(keys.unk_token),
                do_lower_case: found.do_lower_case.or(keys.do_lower_case),
                tokenize_chinese_chars: found.tokenize_chinese_chars.or(keys.tokenize_chinese_chars),
                strip_accents: found.strip_accents.or(keys.strip_accents),
                model_max_length: found.model_max_length.or(keys.model_max_length),
            };
        }
        Ok(keys)
    }

    /// The spellings of all marks that are named.
    pub(crate) fn marks(&self) -> BTreeSet<&str> {
        let marks = [&self.bos_token, &self.eos_token, &self.pad_token, &self.unk_token];
        marks.into_iter().flatten().map(Mark::text).collect()
    }

    /// The length of a sequence: CLIP's where none is named.
    pub(crate) fn context(&self) -> usize {
        const CLIP: usize = 77;
        let limit = self.model_max_length.filter(|limit| (1.0..1e6).contains(limit));
        limit.map_or(CLIP, |limit| limit as usize)
    }
}

impl Mark {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Object { content: text } => text,
        }
    }
}
