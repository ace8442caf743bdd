use crate::resblock::{SKIP_ATTENTION_GROUPS, skip_groups};
use crate::resolve::largest_divisor;
use crate::{ClassInput, LevelBlock, Mid, Resample, TimeEncoding, UNetConfig, UNetError};

impl UNetConfig {
    /// Checks that the configuration describes a network.
    ///
    /// # Errors
    ///
    /// The first key that does not fit, with what mends it.
    pub fn validate(&self) -> Result<(), UNetError> {
        self.validate_counts()?;
        self.validate_ranges()?;
        self.validate_blocks()?;
        self.validate_resolutions()?;
        self.validate_conditions()?;
        self.validate_context()?;
        self.validate_heads()?;
        self.validate_groups()
    }

    fn validate_counts(&self) -> Result<(), UNetError> {
        if self.channel_mult.is_empty() {
            return Err(UNetError::NoLevels);
        }
        let counts = [
            ("image_size", Some(self.image_size)),
            ("in_channels", Some(self.in_channels)),
            ("out_channels", Some(self.out_channels)),
            ("channels", Some(self.channels)),
            ("channel_mult", self.channel_mult.iter().min().copied()),
            ("num_res_blocks", Some(self.num_res_blocks)),
            ("level_res_blocks", self.level_res_blocks.as_ref().and_then(|all| all.iter().min().copied())),
            ("num_heads", self.num_heads),
            ("head_channels", self.head_channels),
            ("num_classes", self.num_classes),
            ("norm_groups", self.norm_groups),
            ("mid_norm_groups", self.mid_norm_groups),
            ("num_timesteps", self.num_timesteps),
            ("time_channels", self.time_channels),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == Some(0)) {
            return Err(UNetError::Zero { key });
        }
        let limits = [
            ("image_size", self.image_size, 1 << 16),
            ("in_channels", self.in_channels, 1 << 14),
            ("out_channels", self.out_channels, 1 << 14),
            ("channels", self.channels, 1 << 14),
            ("channel_mult", self.channel_mult.iter().max().copied().unwrap_or(0), 1 << 10),
            ("the number of levels in channel_mult", self.channel_mult.len(), 16),
            ("num_res_blocks", self.num_res_blocks, 1 << 8),
            ("level_res_blocks", largest(&self.level_res_blocks), 1 << 8),
            ("conv_in_kernel", self.conv_in_kernel, 31),
            ("conv_out_kernel", self.conv_out_kernel, 31),
            ("num_classes", self.num_classes.unwrap_or(0), 1 << 20),
            ("num_timesteps", self.num_timesteps.unwrap_or(0), 1 << 20),
            ("time_channels", self.time_channels.unwrap_or(0), 1 << 16),
        ];
        match limits.into_iter().find(|(_, value, most)| value > most) {
            Some((key, value, most)) => Err(UNetError::TooLarge { key, value, most }),
            None => Ok(()),
        }
    }

    fn validate_ranges(&self) -> Result<(), UNetError> {
        let half = (self.width(0) / 2) as f64;
        let ranges = [
            ("dropout", self.dropout, (0.0..1.0).contains(&self.dropout), "in [0, 1)".to_owned()),
            ("norm_eps", self.norm_eps, self.norm_eps > 0.0 && self.norm_eps < 1.0, "in (0, 1)".to_owned()),
            (
                "freq_shift",
                self.freq_shift,
                (0.0..half).contains(&self.freq_shift),
                format!("in [0, {half}), below half of the first level's channels"),
            ),
            ("mid_divisor", self.mid_divisor, is_divisor(self.mid_divisor), "above 0".to_owned()),
            ("block_divisor", self.block_divisor, is_divisor(self.block_divisor), "above 0".to_owned()),
            (
                "conv_in_kernel",
                self.conv_in_kernel as f64,
                self.conv_in_kernel % 2 == 1,
                "that is odd".into(),
            ),
            (
                "conv_out_kernel",
                self.conv_out_kernel as f64,
                self.conv_out_kernel % 2 == 1,
                "that is odd".into(),
            ),
        ];
        match ranges.into_iter().find(|(_, _, fits, _)| !fits) {
            Some((key, value, _, range)) => Err(UNetError::OutOfRange { key, value, range }),
            None => Ok(()),
        }
    }

    fn validate_resolutions(&self) -> Result<(), UNetError> {
        let (levels, halvings, multiple) = (self.levels(), self.halvings(), self.size_multiple());
        if !self.image_size.is_multiple_of(multiple) {
            return Err(UNetError::ImageSize { image_size: self.image_size, levels, halvings, multiple });
        }
        let there: Vec<usize> = (0..levels).map(|level| self.resolution(level)).collect();
        match self.attention_resolutions.iter().find(|asked| !there.contains(asked)) {
            Some(&resolution) => Err(UNetError::AttentionResolution { resolution, levels: there }),
            None => Ok(()),
        }
    }

    /// Lists of blocks have one entry a level, and an image led past the network reaches every level that takes it.
    fn validate_blocks(&self) -> Result<(), UNetError> {
        let levels = self.levels();
        let lists = [
            ("down_blocks", self.down_blocks.as_ref().map(Vec::len)),
            ("up_blocks", self.up_blocks.as_ref().map(Vec::len)),
            ("level_res_blocks", self.level_res_blocks.as_ref().map(Vec::len)),
        ];
        for (key, blocks) in lists {
            if let Some(blocks) = blocks.filter(|&blocks| blocks != levels) {
                return Err(UNetError::Blocks { key, blocks, levels });
            }
        }
        let skips = |block: LevelBlock| block.resample == Resample::Skip;
        let led = (0..levels).any(|level| skips(self.down_block(level)) || skips(self.up_block(level)));
        if self.resample_first && led {
            return Err(UNetError::SkipFirst);
        }
        let down: Vec<bool> = (0..levels - 1).map(|level| skips(self.down_block(level))).collect();
        let up: Vec<bool> = (1..levels).map(|level| skips(self.up_block(level))).collect();
        for (key, order) in [("down_blocks", down), ("up_blocks", up)] {
            if order.windows(2).any(|pair| !pair[0] && pair[1]) {
                return Err(UNetError::BrokenSkip { key });
            }
        }
        Ok(())
    }

    /// Keys that only mean something together.
    fn validate_conditions(&self) -> Result<(), UNetError> {
        if (self.time_encoding == TimeEncoding::Learned) != self.num_timesteps.is_some() {
            return Err(UNetError::Timesteps);
        }
        if self.class_input != ClassInput::Label && self.num_classes.is_some() {
            return Err(UNetError::ClassInput);
        }
        Ok(())
    }

    fn validate_heads(&self) -> Result<(), UNetError> {
        let (key, value) = match (self.num_heads, self.head_channels) {
            (Some(_), Some(_)) => return Err(UNetError::HeadsTwice),
            (None, Some(size)) => ("head_channels", size),
            (count, None) => ("num_heads", count.unwrap_or(1)),
        };
        let last = self.levels() - 1;
        let mid = matches!(self.mid, Mid::Attention | Mid::RawAttention);
        let attends = |level: usize| {
            (level == last && mid) || self.down_block(level).attention || self.up_block(level).attention
        };
        for level in (0..=last).filter(|&level| attends(level)) {
            let channels = self.width(level);
            if !channels.is_multiple_of(value) {
                return Err(UNetError::Heads { key, value, channels, level });
            }
        }
        Ok(())
    }

    fn validate_groups(&self) -> Result<(), UNetError> {
        let refused = |groups: usize, level: usize| UNetError::NormGroups {
            groups,
            channels: self.width(level),
            level,
            suggestion: largest_divisor(self.common_width(), groups),
        };
        let levels = self.levels();
        if let Some(level) =
            (0..levels).find(|&level| !self.width(level).is_multiple_of(self.groups_of(self.width(level))))
        {
            return Err(refused(self.groups_of(self.width(level)), level));
        }
        match self.mid_norm_groups {
            Some(groups) if !self.width(levels - 1).is_multiple_of(groups) => {
                Err(refused(groups, levels - 1))
            }
            _ => self.validate_skip_groups(),
        }
    }

    /// Residual blocks with `resample = "skip"` choose their groups themselves.
    fn validate_skip_groups(&self) -> Result<(), UNetError> {
        for level in 0..self.levels() {
            let (down, up) = (self.down_block(level), self.up_block(level));
            let width = self.width(level);
            let below = self.width((level + 1).min(self.levels() - 1));
            let above = self.width(level.saturating_sub(1));
            let mut norms = Vec::new();
            if down.resample == Resample::Skip {
                norms.extend([above, width]);
            }
            if up.resample == Resample::Skip {
                norms.extend([width, below + width, width + width, width + above]);
            }
            let fits = |&channels: &usize| channels.is_multiple_of(skip_groups(channels));
            if let Some(channels) = norms.iter().copied().find(|channels| !fits(channels)) {
                return Err(UNetError::SkipGroups { channels, level });
            }
            let attends = |block: &LevelBlock| block.attention && block.resample == Resample::Skip;
            if (attends(&down) || attends(&up)) && !width.is_multiple_of(SKIP_ATTENTION_GROUPS) {
                return Err(UNetError::SkipGroups { channels: width, level });
            }
        }
        Ok(())
    }
}

fn is_divisor(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

fn largest(values: &Option<Vec<usize>>) -> usize {
    values.iter().flatten().max().copied().unwrap_or(0)
}
