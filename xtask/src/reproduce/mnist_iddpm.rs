//! What Nichol & Dhariwal 2021 (arXiv 2102.09672) and Ho et al. 2020 (arXiv 2006.11239) found on CIFAR-10, on small MNIST.

use anyhow::Result;

use super::evaluation::{Evaluation, Figure, paired};
use super::{Claim, Row, Step, Table};

/// What is trained.
const CONFIG: &str = "configs/mnist-iddpm-small.toml";
/// Keys by which nothing but the mean is trained, and the variance is fixed.
const SIMPLE: &str = "train.objective.type=simple";
const BOUND: &str = "train.objective.type=vlb";
const FIXED: &str = "diffusion.variance=fixed_large";
const AWARE: &str = "train.timesteps=loss_aware";
/// Steps in which all models are compared.
const ALL: usize = 50;
/// Steps in which a learnt variance is compared with fixed ones; the large one is out of the question over long steps.
const STEPS: &[usize] = &[10, 25, ALL, 100];
const FEW_STEPS: &[usize] = &[10, 25];

/// An objective, and what was published of it: bits/dim and FID of CIFAR-10.
struct Model {
    run: &'static str,
    name: &'static str,
    keys: &'static [&'static str],
    bits: Option<f64>,
    fid: Option<f64>,
    /// How it is drawn from.
    drawings: &'static [Drawing],
}

/// A variance of the reverse steps: its name, the sampler of `eval`, and the numbers of steps that are tried with it.
type Drawing = (&'static str, &'static str, &'static [usize]);

const SMALL: Drawing = ("small variance", "ancestral", STEPS);
const LARGE: Drawing = ("large variance", "ancestral-large", FEW_STEPS);
const LEARNED: Drawing = ("learned variance", "ancestral", STEPS);
const SMALL_ONCE: Drawing = (SMALL.0, SMALL.1, &[ALL]);
const LEARNED_ONCE: Drawing = (LEARNED.0, LEARNED.1, &[ALL]);

/// Published are bits/dim of 500,000 steps with the cosine schedule and FIDs of the learned variances (Nichol & Dhariwal 2021,
/// table 2), and FIDs of the fixed one (Ho et al. 2020, table 2).
const MODELS: [Model; 6] = [
    Model::of("eps-simple", "eps, L_simple", &[SIMPLE, FIXED], Some(3.26), Some(3.17), &[SMALL, LARGE]),
    Model::of("eps-hybrid", "eps, L_hybrid", &[], Some(3.17), Some(3.19), &[LEARNED]),
    Model::of("eps-vlb", "eps, L_vlb", &[BOUND, AWARE], Some(2.94), Some(11.47), &[LEARNED_ONCE]),
    Model::of("eps-bound", "eps, L with a fixed variance", &[BOUND, FIXED], None, Some(13.51), &[SMALL_ONCE]),
    Model::of("x0-simple", "x0, L_simple", &[SIMPLE, FIXED, X0], None, None, &[SMALL_ONCE]),
    Model::of("v-simple", "v, L_simple", &[SIMPLE, FIXED, V], None, None, &[SMALL_ONCE]),
];
const X0: &str = "diffusion.parameterization=x0";
const V: &str = "diffusion.parameterization=v";

impl Model {
    const fn of(
        run: &'static str,
        name: &'static str,
        keys: &'static [&'static str],
        bits: Option<f64>,
        fid: Option<f64>,
        drawings: &'static [Drawing],
    ) -> Self {
        Self { run, name, keys, bits, fid, drawings }
    }

    fn run(&self) -> String {
        format!("reproduce-mnist-iddpm-{}", self.run)
    }

    fn likelihood(&self) -> Evaluation {
        Evaluation::of(
            &self.run(),
            "eval-nll",
            "--weights ema --metrics nll --likelihoods 100 --seeds 1 --batch 50",
        )
    }

    fn quality(&self, sampler: &str, steps: usize) -> Evaluation {
        let drawn = format!(
            "--samples 250 --seeds 3 --batch 125 --classifier-steps 300 --sampler {sampler} --steps {steps}"
        );
        let folder = format!("eval-{sampler}-{steps}");
        Evaluation::of(&self.run(), &folder, &format!("--weights ema --metrics fd {drawn}"))
    }

    /// The variances, samplers and steps with which it is drawn from.
    fn drawings(&self) -> impl Iterator<Item = (&'static str, &'static str, usize)> {
        let of = |&(name, sampler, steps): &Drawing| steps.iter().map(move |&steps| (name, sampler, steps));
        self.drawings.iter().flat_map(of)
    }

    fn evaluations(&self) -> Vec<Evaluation> {
        let qualities = self.drawings().map(|(_, sampler, steps)| self.quality(sampler, steps));
        std::iter::once(self.likelihood()).chain(qualities).collect()
    }
}

/// The table.
pub fn table() -> Table {
    let trainings = MODELS.iter().map(|model| Step::train(CONFIG, &model.run(), model.keys));
    let evaluations = MODELS.iter().flat_map(Model::evaluations).map(|evaluation| evaluation.step);
    Table {
        name: "mnist-iddpm",
        about: "Objectives and variances on MNIST's test images at 8x8, with a chain of 250 steps: the hybrid objective lowers \
                the bound at equal quality, a learnt variance keeps quality over few steps (Nichol & Dhariwal 2021, tables 1 \
                and 2, figure 8), and eps with L_simple beats other objectives (Ho et al. 2020, table 2). One training each \
                of 1200 steps; errors are those of the images: of 100 test images for the bound, and between three sets of 250 \
                drawn ones for FD-inhouse. Published figures are bits/dim and FID of CIFAR-10 over the whole chain: only the \
                order can be compared.",
        hours: 0.3,
        steps: trainings.chain(evaluations).collect(),
        rows,
        claims,
    }
}

const HYBRID_LESS: &str = "bound: L_hybrid less L_simple, of the same images";
const VLB_LESS: &str = "bound: L_vlb less L_hybrid, of the same images";

fn rows() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for model in &MODELS {
        let evaluation = model.likelihood();
        rows.push(evaluation.row(bound(model), Figure::Bound, model.bits)?);
    }
    let [simple, hybrid, vlb] = [&MODELS[0], &MODELS[1], &MODELS[2]].map(Model::likelihood);
    rows.push(paired(HYBRID_LESS, &hybrid, &simple)?);
    rows.push(paired(VLB_LESS, &vlb, &hybrid)?);
    for model in &MODELS {
        for (variance, sampler, steps) in model.drawings() {
            let published = model.fid.filter(|_| steps == ALL && variance != LARGE.0);
            let evaluation = model.quality(sampler, steps);
            rows.push(evaluation.row(quality(model, variance, steps), Figure::Distance, published)?);
        }
    }
    Ok(rows)
}

fn bound(model: &Model) -> String {
    format!("bound: {}", model.name)
}

fn quality(model: &Model, variance: &str, steps: usize) -> String {
    format!("{}, {variance}, {steps} steps", model.name)
}

/// What was published, as an order of rows.
fn claims(_: &[Row]) -> Vec<Claim> {
    let [simple, hybrid, vlb, eps_bound, x0_simple, v_simple] = &MODELS;
    let at = |model: &Model, variance: Drawing, steps| quality(model, variance.0, steps);
    let best = at(simple, SMALL, ALL);
    let mut claims = vec![
        Claim::negative("L_hybrid lowers the bound of L_simple", HYBRID_LESS),
        Claim::negative("L_vlb lowers it further", VLB_LESS),
        Claim::less("L_vlb draws worse than L_hybrid", at(hybrid, LEARNED, ALL), at(vlb, LEARNED, ALL)),
    ];
    for fixed in [SMALL, LARGE] {
        for &steps in fixed.2 {
            let text = format!("in {steps} steps the learned variance draws better than the {}", fixed.0);
            claims.push(Claim::less(text, at(hybrid, LEARNED, steps), at(simple, fixed, steps)));
        }
    }
    for other in [eps_bound, x0_simple, v_simple] {
        let text = format!("eps with L_simple draws better than {}", other.name);
        claims.push(Claim::less(text, best.clone(), at(other, SMALL, ALL)));
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_about_rows_that_exist() {
        let of = |model: &Model| {
            let drawn = model.drawings().map(|(variance, _, steps)| quality(model, variance, steps));
            drawn.chain([bound(model)]).collect::<Vec<_>>()
        };
        let rows: Vec<String> = MODELS.iter().flat_map(of).collect();
        for Claim { less, more, .. } in claims(&[]) {
            let known = |row: &String| rows.contains(row) || [HYBRID_LESS, VLB_LESS].contains(&row.as_str());
            assert!(known(&less) && more.iter().all(known), "{less}, {more:?}");
        }
    }
}
