//! What Sohl-Dickstein et al. 2015 (arXiv 1503.03585) measured in table 1, beside the exact optimum where there is one.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Row, Step, Table};
use crate::cargo::root;

/// A run: its name, its configuration, and the K and K - L_null that the paper has for such data.
struct Run {
    name: &'static str,
    config: &'static str,
    published: [Option<f64>; 2],
}

/// Runs of the table of points and bits.
const POINTS: [Run; 5] = [
    Run::of("roll-0.25", "configs/swiss-roll-dpm.toml", [None; 2]),
    Run::of("roll-0.25-mlp", "configs/swiss-roll-mlp-dpm.toml", [None; 2]),
    Run::of("roll-0.25-ddpm", "configs/swiss-roll-ddpm.toml", [None; 2]),
    Run::of("roll-0.03-mlp", "configs/swiss-roll-thin-dpm.toml", [Some(2.35), Some(6.45)]),
    Run::of("heartbeat", "configs/heartbeat-dpm.toml", [Some(-2.414), Some(12.024)]),
];

/// Runs of the table of images.
const IMAGES: [Run; 2] = [
    Run::of("dead-leaves", "configs/dead-leaves-dpm.toml", [Some(1.489), Some(3.536)]),
    Run::of("mnist", "configs/mnist-dpm.toml", [None; 2]),
];

impl Run {
    const fn of(name: &'static str, config: &'static str, published: [Option<f64>; 2]) -> Self {
        Self { name, config, published }
    }

    fn step(&self) -> Step {
        Step::train(self.config, &format!("reproduce-dpm-{}", self.name), &[])
    }

    fn rows(&self) -> Result<Vec<Row>> {
        let path = root().join("runs").join(format!("reproduce-dpm-{}", self.name)).join("record.json");
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let record: Value = text.parse().with_context(|| format!("failed to read {}", path.display()))?;
        Ok(self.figures(&record))
    }

    /// What a run's record says of the bound.
    fn figures(&self, record: &Value) -> Vec<Row> {
        let results = record["results"].as_array().into_iter().flatten();
        let row = |figure: &Value| {
            let name = figure["name"].as_str()?;
            let published = match name {
                "K" => self.published[0],
                "K - L_null" => self.published[1],
                _ => None,
            };
            Some(Row {
                name: format!("{}: {name}", self.name),
                value: figure["value"].as_f64()?,
                stderr: figure["stderr"].as_f64().filter(|stderr| *stderr > 0.0),
                published,
                unit: figure["unit"].as_str()?.into(),
                command: self.step().command(),
            })
        };
        results.filter_map(row).collect()
    }
}

/// The table of points and bits.
pub fn table() -> Table {
    Table {
        name: "dpm",
        about: "The bound K on the log-likelihood by diffusion probabilistic models (Sohl-Dickstein et al. 2015, table 1). \
                Higher is better; L_null is the log-likelihood of independent noise. Data: the swiss roll is scikit-learn's in \
                two dimensions, with normal noise of the given standard deviation, of mean 0 and variance 1 over both \
                coordinates (the paper does not state its noise, so its K is no target; the gap to the optimum, computed by \
                quadrature, is); the heartbeat has 20 bits and an optimum of log2(1/5). The gap is compared state by state \
                with the exact log-likelihood. The limit of the chain is the K of a perfect network on the chain of that \
                run: what is above it is lost to the length of the chain, whose steps back are independent in every value, \
                and to the first step, which is not learnt; what is below it, to the network and its training. The row of \
                DDPM has the variational bound of the same points with a small dense network, L_simple and fixed variances. \
                The paper's 5.4 bits for CIFAR-10 are per pixel of three standardised channels, a lower bound on a \
                log-likelihood: about 4.20 bits/dim as a negative log-likelihood is counted today.",
        hours: 0.3,
        steps: POINTS.iter().map(Run::step).collect(),
        rows: || rows(&POINTS),
        claims: |_| Vec::new(),
    }
}

/// The table of images.
pub fn images() -> Table {
    Table {
        name: "dpm-images",
        about: "The bound K on the log-likelihood of images by diffusion probabilistic models (Sohl-Dickstein et al. 2015, \
                tables 1 and 2), in bits per pixel of standardised images. The dead leaves are drawn by ourselves, others than \
                the paper's, and its figure for MNIST is a Parzen estimate, so neither can be compared closely.",
        hours: 1.2,
        steps: IMAGES.iter().map(Run::step).collect(),
        rows: || rows(&IMAGES),
        claims: |_| Vec::new(),
    }
}

fn rows(runs: &[Run]) -> Result<Vec<Row>> {
    runs.iter().map(Run::rows).collect::<Result<Vec<_>>>().map(|rows| rows.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_a_run_stand_beside_the_published_ones() {
        let record: Value = r#"{"results": [
            {"name": "K", "value": -2.4, "stderr": 0.01, "unit": "bits"},
            {"name": "exact optimum", "value": -2.32, "stderr": 0.0, "unit": "bits"}
        ]}"#
        .parse()
        .unwrap();
        let heartbeat = POINTS.iter().find(|run| run.name == "heartbeat").unwrap();
        let rows = heartbeat.figures(&record);
        assert_eq!((rows[0].value, rows[0].stderr, rows[0].published), (-2.4, Some(0.01), Some(-2.414)));
        assert_eq!((rows[1].name.as_str(), rows[1].stderr), ("heartbeat: exact optimum", None));
    }
}
