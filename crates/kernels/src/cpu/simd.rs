//! One body of code for every instruction set, chosen when the program runs.
//!
//! `vectorised!` compiles a function once for AVX-512, once for AVX2 with FMA and once for whatever the target has
//! anyway; the compiler vectorises each. Lanes never mix, so AVX-512 and AVX2 round alike.

use std::sync::OnceLock;

/// An instruction set that this CPU has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simd(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Simd {
    /// The best one.
    pub fn best() -> Self {
        static BEST: OnceLock<Simd> = OnceLock::new();
        *BEST.get_or_init(|| *Self::available().first().unwrap_or(&Self(Set::Portable)))
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
                sets.push(Self(Set::Avx512));
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(Self(Set::Avx2));
            }
        }
        sets.push(Self(Set::Portable));
        sets
    }

    /// Whether products and sums are rounded together.
    pub fn is_fused(self) -> bool {
        self.0 != Set::Portable || PORTABLE_IS_FUSED
    }

    pub(crate) fn set(self) -> Set {
        self.0
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
