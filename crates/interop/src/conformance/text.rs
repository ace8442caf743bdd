use burn::prelude::*;
use burn::tensor::DType;
use serde::Deserialize;
use text::Tokenizer;

use super::case::{Case, CaseError};
use super::comparison::Comparison;
use super::unet2d::read;
use crate::{TensorFile, read_clip_text, read_ldm_bert, read_t5_encoder};

const TOLERANCE: f64 = 1e-4;

/// The states of a CLIP text encoder from its own configuration and weights.
pub(super) fn run_clip(case: &Case, device: &Device) -> Result<Comparison, CaseError> {
    let (network, _) = read_clip_text(&case.folder, device, DType::F32)?;
    let io = case.io()?;
    let states = network.forward(required(&io, "input_ids", device)?, ints(&io, "attention_mask", device)?);
    let mut comparison = Comparison::default();
    compare(&mut comparison, &io, "last_hidden_state", &states.last)?;
    compare(&mut comparison, &io, "pooler_output", &states.pooled)?;
    if let Some(projected) = &states.projected {
        compare(&mut comparison, &io, "text_embeds", projected)?;
    }
    for (index, state) in states.layers.iter().enumerate() {
        compare(&mut comparison, &io, &format!("hidden_states.{index}"), state)?;
    }
    Ok(comparison)
}

/// The states of a T5 encoder from its own configuration and weights.
pub(super) fn run_t5(case: &Case, device: &Device) -> Result<Comparison, CaseError> {
    let (network, _) = read_t5_encoder(&case.folder, device, DType::F32)?;
    let io = case.io()?;
    let states = network.states(required(&io, "input_ids", device)?, ints(&io, "attention_mask", device)?);
    let mut comparison = Comparison::default();
    if let Some(last) = states.last() {
        compare(&mut comparison, &io, "last_hidden_state", last)?;
    }
    for (index, state) in states.iter().enumerate() {
        compare(&mut comparison, &io, &format!("hidden_states.{index}"), state)?;
    }
    Ok(comparison)
}

/// The states of latent diffusion's own encoder from its own configuration and weights.
pub(super) fn run_ldm_bert(case: &Case, device: &Device) -> Result<Comparison, CaseError> {
    let (network, _) = read_ldm_bert(&case.folder, device, DType::F32)?;
    let io = case.io()?;
    let state = network.forward(required(&io, "input_ids", device)?);
    let mut comparison = Comparison::default();
    compare(&mut comparison, &io, "last_hidden_state", &state)?;
    Ok(comparison)
}

/// A prompt and its tokens, by whatever names the recording has for them.
#[derive(Deserialize)]
struct Prompt {
    prompt: String,
    /// Cut and padded.
    input_ids: Option<Vec<u32>>,
    #[serde(alias = "sp_ids")]
    unpadded: Option<Vec<u32>>,
}

/// No recorded text has more.
const MOST_TOKENS: usize = 1 << 20;

/// The tokens of recorded prompts.
pub(super) fn run_tokenizer(case: &Case) -> Result<Comparison, CaseError> {
    let tokenizer = Tokenizer::read(&case.folder).map_err(CaseError::broken)?;
    let context = case.value::<Option<usize>>("max_length")?.unwrap_or(tokenizer.context());
    if context > MOST_TOKENS {
        return Err(CaseError::broken(format!("max_length = {context}: at most {MOST_TOKENS}")));
    }
    let tokenizer = tokenizer.with_context(context);
    let mut comparison = Comparison::default();
    for Prompt { prompt, input_ids, unpadded } in case.value::<Vec<Prompt>>("cases")? {
        if let Some(recorded) = input_ids {
            equal(&mut comparison, &prompt, &tokenizer.encode(&prompt).ids, &recorded);
        }
        if let Some(recorded) = unpadded {
            equal(&mut comparison, &prompt, &tokenizer.tokens(&prompt), &recorded);
        }
    }
    Ok(comparison)
}

fn equal(comparison: &mut Comparison, prompt: &str, ours: &[u32], recorded: &[u32]) {
    let [ours, recorded] = [ours, recorded].map(|ids| ids.iter().map(|&id| id as f32).collect::<Vec<_>>());
    comparison.scaled(format!("{prompt:?}"), &ours, &recorded, 1.0, 0.0);
}

fn ints(io: &TensorFile, name: &str, device: &Device) -> Result<Option<Tensor<2, Int>>, CaseError> {
    match io.tensors.get(name) {
        Some(tensor) => Ok(Some(tensor.upload::<2>(device)?.int())),
        None => Ok(None),
    }
}

fn required(io: &TensorFile, name: &str, device: &Device) -> Result<Tensor<2, Int>, CaseError> {
    Ok(io.get(name)?.upload::<2>(device)?.int())
}

/// Compares with what was recorded, if it was.
fn compare<const D: usize>(
    comparison: &mut Comparison,
    io: &TensorFile,
    name: &str,
    ours: &Tensor<D>,
) -> Result<(), CaseError> {
    if let Some(recorded) = io.tensors.get(name) {
        comparison.relative(name, &read(ours.clone())?, &recorded.values, TOLERANCE);
    }
    Ok(())
}
