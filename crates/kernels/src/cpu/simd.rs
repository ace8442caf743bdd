//! One body of code for every instruction set, chosen when the program runs.
//!
//! `vectorised!` compiles a function once for AVX-512, once for AVX2 with FMA and once for whatever the target has
//! anyway; the compiler vectorises each. Lanes never mix, so AVX-512 and AVX2 round alike.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// An instruction set that this CPU has, and what matrix products are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simd {
    set: Set,
    operands: Operands,
}

/// What matrix products are made of; sums are in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operands {
    F32,
    /// Rounded to bfloat16.
    Bf16 {
        /// Without the instructions, also where the CPU has them.
        emulated: bool,
    },
}

/// What this process's matrix products are made of.
static IS_BF16: AtomicBool = AtomicBool::new(false);

/// Whether matrix products of this process round their operands to bfloat16.
pub fn round_to_bf16(round: bool) {
    IS_BF16.store(round, Ordering::Relaxed);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Simd {
    /// The best one, with the process's operands.
    ///
    /// The environment's `ANNEAL_SIMD` names the best one that may be taken: `avx512`, `avx2` or `portable`.
    pub fn best() -> Self {
        static BEST: OnceLock<Simd> = OnceLock::new();
        let best = *BEST.get_or_init(|| {
            let most = std::env::var("ANNEAL_SIMD").unwrap_or_default();
            let mut sets = Self::available();
            sets.reverse();
            let last = sets.iter().position(|simd| simd.set.name() == most);
            sets[last.unwrap_or(sets.len() - 1)]
        });
        if IS_BF16.load(Ordering::Relaxed) { best.with_bf16() } else { best }
    }

    /// The same with operands rounded to bfloat16.
    pub fn with_bf16(self) -> Self {
        Self { operands: Operands::Bf16 { emulated: false }, ..self }
    }

    /// The same without the instructions for that, also where the CPU has them.
    pub fn with_emulated_bf16(self) -> Self {
        Self { operands: Operands::Bf16 { emulated: true }, ..self }
    }

    /// All, best first.
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("fma")
            {
                sets.push(Set::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(Set::Avx2);
            }
        }
        sets.push(Set::Portable);
        sets.into_iter().map(|set| Self { set, operands: Operands::F32 }).collect()
    }

    /// Whether products and sums are rounded together.
    pub fn is_fused(self) -> bool {
        self.set != Set::Portable || PORTABLE_IS_FUSED
    }

    pub(crate) fn set(self) -> Set {
        self.set
    }

    pub(crate) fn is_bf16(self) -> bool {
        self.operands != Operands::F32
    }

    pub(crate) fn is_emulating_bf16(self) -> bool {
        self.operands == Operands::Bf16 { emulated: true }
    }
}

impl Set {
    fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }
}

/// What a vectorised body may ask of its instruction set.
pub(crate) trait Isa {
    /// Rows and columns of the largest block of accumulators that fits the registers.
    const ACCUMULATORS: (usize, usize);

    /// Whether there is AVX.
    #[cfg(target_arch = "x86_64")]
    const AVX: bool;

    /// `a b + c`, rounded once where the hardware does that in one instruction.
    fn fma(a: f32, b: f32, c: f32) -> f32;
}

#[cfg(target_arch = "x86_64")]
pub(crate) struct Avx512;
#[cfg(target_arch = "x86_64")]
impl Isa for Avx512 {
    const ACCUMULATORS: (usize, usize) = (12, 32);
    const AVX: bool = true;

    #[inline(always)]
    fn fma(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) struct Avx2;
#[cfg(target_arch = "x86_64")]
impl Isa for Avx2 {
    const ACCUMULATORS: (usize, usize) = (6, 16);
    const AVX: bool = true;

    #[inline(always)]
    fn fma(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

const PORTABLE_IS_FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

pub(crate) struct Portable;
impl Isa for Portable {
    const ACCUMULATORS: (usize, usize) = if cfg!(target_arch = "aarch64") { (6, 16) } else { (4, 8) };
    #[cfg(target_arch = "x86_64")]
    const AVX: bool = false;

    #[inline(always)]
    fn fma(a: f32, b: f32, c: f32) -> f32 {
        if PORTABLE_IS_FUSED { a.mul_add(b, c) } else { a * b + c }
    }
}

/// Makes of `fn name(arguments) { body }` the function `name(simd, arguments)`; within the body `I` is the [`Isa`].
macro_rules! vectorised {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $return:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(unsafe_code)]
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(simd: $crate::cpu::simd::Simd, $($arg: $type),*) $(-> $return)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn body<I: $crate::cpu::simd::Isa>($($arg: $type),*) $(-> $return)? $body

            #[cfg(target_arch = "x86_64")]
            #[allow(clippy::too_many_arguments)]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
            fn avx512($($arg: $type),*) $(-> $return)? {
                body::<$crate::cpu::simd::Avx512>($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[allow(clippy::too_many_arguments)]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $type),*) $(-> $return)? {
                body::<$crate::cpu::simd::Avx2>($($arg),*)
            }

            match simd.set() {
                // SAFETY: `Simd` holds an instruction set only if this CPU has it.
                #[cfg(target_arch = "x86_64")]
                $crate::cpu::simd::Set::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::cpu::simd::Set::Avx2 => unsafe { avx2($($arg),*) },
                $crate::cpu::simd::Set::Portable => body::<$crate::cpu::simd::Portable>($($arg),*),
            }
        }
    };
}
pub(crate) use vectorised;
