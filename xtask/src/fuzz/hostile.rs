//! Values that programs forget: at the ends of their ranges, of another type, too long.

use fastrand::Rng;

use super::tree::Tree;

/// Numbers for files. Sizes in between, which are honest work for a large machine, are left out.
const NUMBERS: [&str; 34] = [
    "0",
    "1",
    "2",
    "3",
    "5",
    "7",
    "-1",
    "-2",
    "0.5",
    "-0.5",
    "-0.0",
    "1.0000001",
    "5e-324",
    "1e-300",
    "1e-50",
    "1e-6",
    "1e20",
    "3.5e38",
    "1e300",
    "-1e300",
    "1e999",
    "1048576",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "NaN",
    "-Infinity",
];

const TEXTS: [&str; 30] = [
    "",
    " ",
    "\n",
    "\t",
    "\0",
    "\u{1b}[31mred",
    "\u{7f}",
    "a",
    "é",
    "💥",
    "e\u{301}\u{301}\u{301}",
    "\u{202e}abc",
    "..",
    "../..",
    "/",
    "/nonexistent/file",
    ".",
    "-",
    "--",
    "%s%n",
    "{}",
    "nan",
    "null",
    "true",
    "None",
    "0",
    "-1",
    "weight",
    "type",
    "model",
];

/// Words that mean something in a file or an option, so that one kind is taken for another.
const WORDS: [&str; 64] = [
    "ddpm",
    "dpm",
    "points",
    "autoencoder",
    "latent",
    "classifier",
    "cascade",
    "super_resolution",
    "linear",
    "cosine",
    "scaled_linear",
    "squaredcos_cap_v2",
    "sigmoid",
    "exponential",
    "epsilon",
    "sample",
    "v_prediction",
    "leading",
    "trailing",
    "linspace",
    "karras",
    "beta",
    "quadratic",
    "fixed_small",
    "fixed_large",
    "learned",
    "learned_range",
    "eps",
    "x0",
    "v",
    "ddim",
    "ancestral",
    "euler",
    "heun",
    "lms",
    "plms",
    "unipc",
    "dpmsolver++",
    "midpoint",
    "bh1",
    "DDIMScheduler",
    "DDPMScheduler",
    "PNDMScheduler",
    "LMSDiscreteScheduler",
    "HeunDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSDEScheduler",
    "UniPCMultistepScheduler",
    "FlowMatchEulerDiscreteScheduler",
    "LCMScheduler",
    "TCDScheduler",
    "KDPM2DiscreteScheduler",
    "DownBlock2D",
    "AttnDownBlock2D",
    "CrossAttnUpBlock2D",
    "UNetMidBlock2DCrossAttn",
    "silu",
    "gelu",
    "layer_norm",
    "text",
    "image",
    "text_time",
    "scale_shift",
];

/// A number, as a file has it.
pub fn number(rng: &mut Rng) -> String {
    NUMBERS[rng.usize(..NUMBERS.len())].to_owned()
}

/// A number that may be a little beside the one there is, and mostly whole where that is.
pub fn number_near(text: &str, rng: &mut Rng) -> String {
    const WHOLE: [&str; 9] =
        ["0", "1", "2", "3", "5", "2147483648", "4294967296", "9223372036854775807", "18446744073709551615"];
    match (rng.u8(0..12), text.parse::<i64>(), text.parse::<f64>()) {
        (0, Ok(whole), _) => whole.saturating_add(1).to_string(),
        (1, Ok(whole), _) => whole.saturating_sub(1).to_string(),
        (2, Ok(whole), _) => (whole / 2).to_string(),
        (3..10, Ok(_), _) => WHOLE[rng.usize(..WHOLE.len())].to_owned(),
        (0, _, Ok(real)) => format!("{:e}", -real),
        (1, _, Ok(real)) => format!("{:e}", 1.0 - real),
        _ => number(rng),
    }
}

/// A text: a word of another place, a strange one, or a long one.
pub fn text(rng: &mut Rng) -> String {
    match rng.u8(0..20) {
        0 => "a".repeat(70_000),
        1 => "💥 ".repeat(300),
        2..8 => WORDS[rng.usize(..WORDS.len())].to_owned(),
        _ => TEXTS[rng.usize(..TEXTS.len())].to_owned(),
    }
}

/// A text that shares something with the one there is.
pub fn text_near(text: &str, rng: &mut Rng) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.is_empty() {
        return self::text(rng);
    }
    let at = rng.usize(..letters.len());
    match rng.u8(0..4) {
        0 => letters.truncate(at),
        1 => drop(letters.remove(at)),
        2 => letters.insert(at, rng.char(' '..'\u{2ff}')),
        _ => letters.extend(letters.clone()),
    }
    letters.into_iter().collect()
}

/// A value of any type.
pub fn value(rng: &mut Rng) -> Tree {
    match rng.u8(0..10) {
        0 => Tree::List(Vec::new()),
        1 => Tree::Table(Vec::new()),
        2 => Tree::Bare("null".into()),
        3 => Tree::Bare("true".into()),
        4 => Tree::List((0..3).map(|_| Tree::Bare(number(rng))).collect()),
        5 => Tree::Bare("[".repeat(60_000) + &"]".repeat(60_000)),
        6 => Tree::Text(text(rng)),
        _ => Tree::Bare(number(rng)),
    }
}

/// A value of an option, of the kind that the word for it in the program's help promises, or of any other. Counts that
/// would be honest work for hours are left out.
pub fn argument(word: &str, rng: &mut Rng) -> String {
    const NUMBERS: [&str; 26] = [
        "0",
        "1",
        "2",
        "3",
        "4",
        "7",
        "0.5",
        "1.5",
        "0.999",
        "-1",
        "-0",
        "1e-300",
        "1e-45",
        "1e300",
        "1e999",
        "nan",
        "inf",
        "-inf",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "4294967296",
        "00",
        "+1",
        "0x1",
    ];
    const LISTS: [&str; 18] = [
        "0,1",
        "1,1",
        "0..3",
        "3..0",
        "0..18446744073709551615",
        "18446744073709551615,0",
        ",",
        "0x0",
        "1x4294967296",
        "8x8",
        "true",
        "cat",
        "all",
        "s",
        "raw",
        "ema",
        "1s",
        "fd,kd,nan",
    ];
    let number = |rng: &mut Rng| NUMBERS[rng.usize(..NUMBERS.len())].to_owned();
    let argument = match (rng.u8(0..12), word) {
        (0, _) => text(rng),
        (1, _) => LISTS[rng.usize(..LISTS.len())].to_owned(),
        (2, _) => WORDS[rng.usize(..WORDS.len())].to_owned(),
        (_, "HxW") => format!("{}x{}", number(rng), number(rng)),
        (_, "A,B" | "LIST" | "LABELS") => format!("{},{}", number(rng), number(rng)),
        (_, "SAMPLER" | "SPACING" | "METHOD" | "DTYPE" | "WHAT" | "TEXT" | "BOOL") => text(rng),
        _ => number(rng),
    };
    argument.replace('\0', "\u{1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_can_be_handed_to_a_program() {
        let mut rng = Rng::with_seed(0);
        assert!((0..2000).all(|_| !argument("N", &mut rng).contains('\0')));
    }
}
