use crate::{Curve, NoiseLevel};

/// A level that a sampler visits, and what the network is told there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Visit {
    /// Where the picture is.
    pub level: NoiseLevel,
    /// What the network is told, possibly fractional.
    pub timestep: f64,
}

/// The levels of a sampler and the timesteps of its network: a solver is given the one, the network the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    visits: Vec<Visit>,
    end: NoiseLevel,
    curve: Curve,
}

impl Grid {
    /// A walk over `visits` that ends at `end`; levels between them have the timesteps of `curve`.
    pub fn new(visits: Vec<Visit>, end: NoiseLevel, curve: Curve) -> Self {
        Self { visits, end, curve }
    }

    /// A walk over levels with the timesteps that `curve` gives them; the last level is where it ends.
    pub fn from_levels(levels: &[NoiseLevel], curve: Curve) -> Self {
        let (&end, visited) = levels.split_last().unwrap_or((&NoiseLevel::CLEAN, &[]));
        let visits = visited.iter().map(|&level| Visit { level, timestep: curve.timestep(level) }).collect();
        Self { visits, end, curve }
    }

    /// The visited levels, without the end.
    pub fn visits(&self) -> &[Visit] {
        &self.visits
    }

    /// The law that the network was trained with.
    pub fn curve(&self) -> &Curve {
        &self.curve
    }

    /// All levels, the end last: what [`sample`](../diffusion/fn.sample.html) walks over.
    pub fn levels(&self) -> Vec<NoiseLevel> {
        self.visits.iter().map(|visit| visit.level).chain([self.end]).collect()
    }

    /// What the network is told at a level: as visited, else by the curve.
    pub fn timestep(&self, level: NoiseLevel) -> f64 {
        let visited = self.visits.iter().find(|visit| visit.level == level);
        visited.map_or_else(|| self.curve.timestep(level), |visit| visit.timestep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visited_levels_keep_their_timesteps() {
        let curve = Curve::Flow { num_train_timesteps: 1000, flow: crate::Flow::default() };
        let visits = vec![Visit { level: NoiseLevel::flow(0.75), timestep: 749.0 }];
        let grid = Grid::new(visits, NoiseLevel::CLEAN, curve);
        assert_eq!(grid.timestep(NoiseLevel::flow(0.75)), 749.0);
        assert_eq!(grid.timestep(NoiseLevel::flow(0.5)), 500.0);
        assert_eq!(grid.levels(), [NoiseLevel::flow(0.75), NoiseLevel::CLEAN]);
    }
}
