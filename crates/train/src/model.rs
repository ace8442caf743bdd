use burn::prelude::*;
use diffusion::{
    ClassifierFree, ClassifierGuided, Denoiser, Limit, LimitX0, NetworkDenoiser, Parameterization,
    VarianceOutput,
};
use schedules::{Curve, NoiseLevel};
use unet::UNet;

use crate::config::shown_classes;
use crate::error::TrainError;
use crate::{ClassGradient, Network, Objective, RunConfig, Weights};

/// A trained network with all that sampling from it needs.
#[derive(Debug)]
pub struct TrainedModel<N = UNet> {
    /// The network.
    pub net: N,
    /// The law of noise that it was trained with.
    pub curve: Curve,
    /// What it predicts.
    pub parameterization: Parameterization,
    /// What the second half of its output channels means, if there is one.
    pub variance: Option<VarianceOutput>,
    /// Its number of classes.
    pub num_classes: Option<usize>,
    /// Their names, where the data had them.
    pub class_names: Option<Vec<String>>,
    /// Classes that no image showed it.
    pub empty_classes: Vec<usize>,
    /// `[C, H, W]` of its images.
    pub image_shape: [usize; 3],
    /// Whether predicted clean images are clipped to the range of the data.
    pub clip_x0: bool,
    /// Where it is.
    pub device: Device,
}

impl<N> TrainedModel<N> {
    /// Wraps a network made by `config`, on its device.
    ///
    /// # Errors
    ///
    /// If the configuration's schedule is impossible.
    pub fn new(net: N, config: &RunConfig, device: &Device) -> Result<Self, TrainError> {
        let curve = config.curve()?;
        let side = config.model.image_size;
        Ok(Self {
            net,
            curve,
            parameterization: config.diffusion.parameterization,
            variance: config.diffusion.variance.output(),
            num_classes: config.model.num_classes,
            class_names: config.class_names.clone(),
            empty_classes: config.empty_classes.clone(),
            image_shape: [config.image_channels(), side, side],
            clip_x0: true,
            device: device.clone(),
        })
    }

    /// What images show in turn: the names of the classes, or else their numbers; nothing without classes.
    pub fn subjects(&self) -> Vec<String> {
        let names = self.class_names.as_deref().unwrap_or_default();
        let name = |class: usize| names.get(class).cloned().unwrap_or_else(|| class.to_string());
        self.shown_classes().into_iter().flatten().map(name).collect()
    }
}

impl<N> TrainedModel<N> {
    /// The classes that images showed it, if it knows classes.
    pub fn shown_classes(&self) -> Option<Vec<usize>> {
        Some(shown_classes(self.num_classes?, &self.empty_classes))
    }
}

impl TrainedModel {
    /// The model with averaged weights that were read.
    ///
    /// # Errors
    ///
    /// If they are those of another network.
    pub fn load(weights: &Weights, config: &RunConfig, device: &Device) -> Result<Self, TrainError> {
        Self::new(weights.averaged::<Objective>(config, device)?, config, device)
    }

    /// The model with the weights that gradients moved, not their average.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), and if there are only averaged ones.
    pub fn load_raw(weights: &Weights, config: &RunConfig, device: &Device) -> Result<Self, TrainError> {
        Self::new(weights.raw::<Objective>(config, device)?, config, device)
    }
}

impl<N: Network> TrainedModel<N> {
    /// The denoiser for images of the given classes, clipped to the range of the data where the model is.
    ///
    /// A `guidance_scale` of 1 uses the conditional network alone; others cost a second evaluation a step. A network
    /// without a null class cannot be guided.
    pub fn denoiser(&self, labels: Option<&[usize]>, guidance_scale: f64) -> Box<dyn Denoiser + '_> {
        self.denoiser_within(self.own_limit(), labels, guidance_scale)
    }

    /// How its clean images are limited unless otherwise said.
    pub fn own_limit(&self) -> Option<Limit> {
        self.clip_x0.then_some(Limit::Clip { range: 1.0 })
    }

    /// As [`denoiser`](Self::denoiser), with its clean images limited otherwise.
    pub fn denoiser_within(
        &self,
        limit: Option<Limit>,
        labels: Option<&[usize]>,
        guidance_scale: f64,
    ) -> Box<dyn Denoiser + '_> {
        self.denoiser_towards(limit, labels, guidance_scale, None)
    }

    /// The same with a classifier that leads the images to classes, and how strongly.
    pub fn denoiser_towards<'a>(
        &'a self,
        limit: Option<Limit>,
        labels: Option<&[usize]>,
        guidance_scale: f64,
        towards: Option<(ClassGradient<'a>, f64)>,
    ) -> Box<dyn Denoiser + 'a> {
        let inner = self.unlimited(labels, guidance_scale);
        let guided: Box<dyn Denoiser + 'a> = match towards {
            Some((classifier, scale)) => Box::new(ClassifierGuided { inner, classifier, scale }),
            None => inner,
        };
        match limit {
            Some(limit) => Box::new(LimitX0 { inner: guided, limit, keep_eps: false }),
            None => guided,
        }
    }

    /// The denoiser as the network has it, with classifier-free guidance.
    fn unlimited(&self, labels: Option<&[usize]>, guidance_scale: f64) -> Box<dyn Denoiser + '_> {
        let conditional = self.network(self.answer(labels));
        let batch = labels.map_or(0, <[usize]>::len);
        match self.unconditional_answer(batch).filter(|_| labels.is_some() && guidance_scale != 1.0) {
            Some(answer) => {
                let unconditional = self.network(answer);
                Box::new(ClassifierFree {
                    conditional,
                    unconditional,
                    scale: guidance_scale,
                    rescale: 0.0,
                    rescaled: self.parameterization,
                })
            }
            None => Box::new(conditional),
        }
    }

    /// The denoiser for images of the given classes as the network has it, which has a gradient everywhere.
    pub fn unclipped(&self, labels: Option<&[usize]>) -> Box<dyn Denoiser + '_> {
        self.denoiser_within(None, labels, 1.0)
    }

    /// A denoiser that asks a bare network.
    fn network<'a>(&'a self, net: impl Fn(Tensor<4>, f64) -> Tensor<4> + 'a) -> impl Denoiser + 'a {
        NetworkDenoiser {
            net,
            timestep: |level: NoiseLevel| self.curve.timestep(level),
            parameterization: self.parameterization,
            variance: self.variance,
        }
    }

    /// The bare network, for images of the given classes: its output for images `[B, C, H, W]`, all at one timestep.
    pub fn answer<'a>(
        &'a self,
        labels: Option<&[usize]>,
    ) -> impl Fn(Tensor<4>, f64) -> Tensor<4> + use<'a, N> {
        let labels = labels.filter(|_| self.num_classes.is_some()).map(|labels| self.upload(labels));
        move |x, timestep| {
            let timesteps = Tensor::<1>::full([x.dims()[0]], timestep, &x.device());
            self.net.predict(x, timesteps, labels.clone())
        }
    }

    /// The bare network with the images' classes hidden, for guidance; none where it has not learnt without them.
    pub fn unconditional_answer(&self, batch: usize) -> Option<impl Fn(Tensor<4>, f64) -> Tensor<4> + '_> {
        self.net.null_class().map(|null| self.answer(Some(&vec![null; batch])))
    }

    fn upload(&self, labels: &[usize]) -> Tensor<1, Int> {
        let values: Vec<i64> = labels.iter().map(|&label| label as i64).collect();
        Tensor::from_data(TensorData::new(values, [labels.len()]), &self.device)
    }
}
