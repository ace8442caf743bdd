use crate::cross_attention::CONTEXT_GROUPS;
use crate::{
    AddedInput, ClassInput, ContextConfig, ContextInput, CrossAttention, Mid, UNetConfig, UNetError,
};

/// No vector has more channels.
const MOST_CHANNELS: usize = 1 << 20;

/// No level has more transformer blocks.
const MOST_BLOCKS: usize = 1 << 8;

impl UNetConfig {
    /// What the network is told besides image, time and label.
    pub(crate) fn validate_context(&self) -> Result<(), UNetError> {
        if self.class_concat && self.class_input == ClassInput::Label && self.num_classes.is_none() {
            return Err(UNetError::ClassConcat);
        }
        for (key, channels) in self.vectors() {
            match channels {
                0 => return Err(UNetError::Zero { key }),
                1..=MOST_CHANNELS => {}
                value => return Err(UNetError::TooLarge { key, value, most: MOST_CHANNELS }),
            }
        }
        if let AddedInput::Text { channels, heads } = self.added_input
            && !divides(heads, channels)
        {
            return Err(UNetError::Divides { key: "heads", value: heads, of: "added_input", channels });
        }
        for (level, cross) in self.crosses() {
            let context = self.context.ok_or(UNetError::NoContext { level })?;
            self.validate_cross(level, cross, context)?;
        }
        match (self.context, self.added_input) {
            (None, AddedInput::TextAndImage) => Err(UNetError::NoContext { level: 0 }),
            _ => Ok(()),
        }
    }

    /// Whether any block attends to a context.
    pub fn attends_to_context(&self) -> bool {
        self.crosses().next().is_some()
    }

    /// Whether a block cannot do without one: without a context, transformers attend to the pixels again if these have its
    /// channels.
    pub(crate) fn needs_context(&self) -> bool {
        let channels = self.context.map_or(0, |context| context.channels);
        self.crosses().any(|(level, cross)| match cross {
            CrossAttention::Added { .. } => true,
            CrossAttention::Transformer { .. } => channels != self.width(level),
        })
    }

    fn validate_cross(
        &self,
        level: usize,
        cross: &CrossAttention,
        context: ContextConfig,
    ) -> Result<(), UNetError> {
        let (key, value) = match cross {
            CrossAttention::Transformer { depths, heads, .. } => {
                if let Some(&value) = depths.iter().find(|&&depth| depth > MOST_BLOCKS) {
                    return Err(UNetError::TooLarge { key: "depths", value, most: MOST_BLOCKS });
                }
                ("heads", *heads)
            }
            CrossAttention::Added { head_channels, norm_context, .. } => {
                let channels = context.channels;
                if *norm_context && !divides(CONTEXT_GROUPS, channels) {
                    let (key, of) = ("norm_context in groups of", "the context");
                    return Err(UNetError::Divides { key, value: CONTEXT_GROUPS, of, channels });
                }
                ("head_channels", *head_channels)
            }
        };
        let channels = self.width(level);
        if divides(value, channels) { Ok(()) } else { Err(UNetError::Heads { key, value, channels, level }) }
    }

    /// All blocks that attend to a context, with their levels.
    fn crosses(&self) -> impl Iterator<Item = (usize, &CrossAttention)> {
        let lists = [&self.down_blocks, &self.up_blocks];
        let blocks = lists.into_iter().flatten().flat_map(|list| list.iter().enumerate());
        let mid = match &self.mid {
            Mid::Cross(cross) => Some((self.levels() - 1, cross)),
            _ => None,
        };
        blocks.filter_map(|(level, block)| block.cross.as_ref().map(|cross| (level, cross))).chain(mid)
    }

    /// Channels of all vectors that the network takes.
    fn vectors(&self) -> Vec<(&'static str, usize)> {
        let mut all: Vec<(&'static str, usize)> = Vec::new();
        if let Some(ContextConfig { channels, input }) = self.context {
            all.push(("context.channels", channels));
            match input {
                ContextInput::Text => {}
                ContextInput::ProjectedText(n) | ContextInput::Image(n) | ContextInput::ImageAndText(n) => {
                    all.push(("context.input", n));
                }
            }
        }
        match self.added_input {
            AddedInput::Nothing | AddedInput::TextAndImage => {}
            AddedInput::Text { channels, .. } | AddedInput::Image { channels } => {
                all.push(("added_input.channels", channels));
            }
            AddedInput::TextAndSizes { channels, size_channels } => {
                all.extend([
                    ("added_input.channels", channels),
                    ("added_input.size_channels", size_channels),
                ]);
            }
        }
        if let ClassInput::Projection(channels) | ClassInput::Linear(channels) = self.class_input {
            all.push(("class_input", channels));
        }
        all.extend(self.time_condition_channels.map(|channels| ("time_condition_channels", channels)));
        all
    }
}

fn divides(divisor: usize, channels: usize) -> bool {
    divisor > 0 && channels.is_multiple_of(divisor)
}
