use burn::module::Module;
use burn::nn::Embedding;
use burn::tensor::{IndexingUpdateOp, Int, Tensor};
use unet::Init;

/// Vectors that stand for latents (van den Oord et al. 2017, arXiv 1711.00937).
#[derive(Module, Debug)]
pub struct Codebook {
    embedding: Embedding,
}

/// Latents replaced by their nearest vectors of the codebook.
#[derive(Clone, Debug)]
pub struct Quantized {
    /// The nearest vectors `[B, code channels, h, w]`. Their gradient is handed on to the latents as it is
    /// ("straight through").
    pub latent: Tensor<4>,
    /// Which they are: `[B, h, w]`.
    pub indices: Tensor<3, Int>,
    /// `mean((sg[z] - e)^2)`, which moves the vectors to the latents (equation 3, second term): `[1]`.
    pub codebook_loss: Tensor<1>,
    /// `mean((z - sg[e])^2)`, which moves the latents to the vectors (equation 3, third term without its weight): `[1]`.
    pub commitment_loss: Tensor<1>,
}

impl Codebook {
    pub(crate) fn new(codes: usize, channels: usize, init: &mut Init<'_>) -> Self {
        Self { embedding: init.uniform_embedding(codes, channels, 1.0 / codes as f64) }
    }

    /// Replaces each latent vector by the nearest of the codebook; of several that are equally near, by the first.
    ///
    /// # Shapes
    ///
    /// - `latent`: `[B, code channels, h, w]`
    pub fn quantize(&self, latent: Tensor<4>) -> Quantized {
        let [batch, channels, height, width] = latent.dims();
        let vectors = latent.clone().permute([0, 2, 3, 1]).reshape([batch * height * width, channels]);
        let indices = self.nearest(vectors).reshape([batch, height, width]);
        let nearest = self.look_up(indices.clone());
        let mean_square = |a: Tensor<4>, b: Tensor<4>| (a - b).powf_scalar(2.0).mean();
        Quantized {
            codebook_loss: mean_square(nearest.clone(), latent.clone().detach()),
            commitment_loss: mean_square(latent.clone(), nearest.clone().detach()),
            latent: latent.clone() + (nearest - latent).detach(),
            indices,
        }
    }

    /// The vectors of indices.
    ///
    /// # Shapes
    ///
    /// - `indices`: `[B, h, w]`
    /// - output: `[B, code channels, h, w]`
    pub fn look_up(&self, indices: Tensor<3, Int>) -> Tensor<4> {
        let [batch, height, width] = indices.dims();
        let vectors = self.embedding.forward(indices.reshape([batch, height * width]));
        let channels = vectors.dims()[2];
        vectors.reshape([batch, height, width, channels]).permute([0, 3, 1, 2])
    }

    /// How many of the indices are each vector.
    ///
    /// # Shapes
    ///
    /// - `indices`: `[B, h, w]`
    /// - output: `[codes]`
    pub fn counts(&self, indices: Tensor<3, Int>) -> Tensor<1> {
        let indices = indices.flatten::<1>(0, 2);
        let (device, ones) = (indices.device(), indices.ones_like().float());
        Tensor::zeros([self.codes()], &device).select_assign(0, indices, ones, IndexingUpdateOp::Add)
    }

    /// With each vector moved towards another: `(1 - share) e + share target`.
    ///
    /// # Shapes
    ///
    /// - `targets`: `[codes, code channels]`
    /// - `shares`: `[codes]`
    pub fn moved(mut self, targets: Tensor<2>, shares: Tensor<1>) -> Self {
        let shares = shares.reshape([self.codes(), 1]);
        self.embedding.weight = self.embedding.weight.map(|weight| {
            let (learns, checkpointing) =
                (weight.is_require_grad(), weight.gradient_checkpointing_strategy());
            let weight = weight.inner();
            let moved = weight.clone() * (shares.clone() * -1.0 + 1.0) + targets * shares;
            let moved = match checkpointing {
                Some(strategy) => moved.autodiff().with_gradient_checkpointing_strategy(strategy),
                None => moved,
            };
            moved.set_require_grad(learns)
        });
        self
    }

    /// How many vectors there are.
    pub fn codes(&self) -> usize {
        self.embedding.weight.dims()[0]
    }

    /// The nearest vector of each latent `[N, code channels]`.
    fn nearest(&self, latent: Tensor<2>) -> Tensor<1, Int> {
        self.distances(latent).argmin(1).squeeze_dim(1)
    }

    /// `|z - e|^2` of all latents `[N, code channels]` and vectors: `[N, codes]`. No gradient passes.
    fn distances(&self, latent: Tensor<2>) -> Tensor<2> {
        let (latent, codes) = (latent.detach(), self.embedding.weight.val().detach());
        let square = |x: &Tensor<2>| x.clone().powf_scalar(2.0).sum_dim(1);
        square(&latent) + square(&codes).transpose() - latent.matmul(codes.transpose()) * 2.0
    }
}
