//! Kernels as operations of Burn's flex backend and of its automatic differentiation.

use std::fmt::Debug;

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, BackendTensor, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind,
    Flex, TensorMetadata,
};
use burn::tensor::{DType, Shape, Tensor, TensorData};

use crate::cpu::scratch;

/// A tensor and its node.
pub(crate) type Tracked = <Autodiff<Flex> as burn::backend::BackendTypes>::FloatTensorPrimitive;

/// A function of `N` tensors and its gradient.
pub(crate) trait Kernel<const N: usize>: Clone + Debug + Send + 'static {
    /// The inputs that the gradient needs; the others are empty to it.
    const NEEDED: [bool; N];

    /// What the gradient needs besides.
    type Kept: Clone + Debug + Send + 'static;

    fn forward(&self, inputs: [&[f32]; N]) -> (Vec<f32>, Self::Kept);

    /// The gradients of the inputs that are `wanted`.
    fn backward(
        &self,
        inputs: [&[f32]; N],
        kept: &Self::Kept,
        gradient: &[f32],
        wanted: [bool; N],
    ) -> [Option<Vec<f32>>; N];
}

/// Whether kernels run on this tensor.
pub(crate) fn runs_on<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::F32
        && match tensor.clone().into_dispatch().kind {
            DispatchTensorKind::Flex(_) => true,
            DispatchTensorKind::Autodiff(kind) => matches!(*kind, DispatchTensorKind::Flex(_)),
            #[allow(unreachable_patterns)]
            _ => false,
        }
}

/// Whether the tensor can be [owned](own).
pub(crate) fn is_plain<const D: usize>(tensor: &Tensor<D>) -> bool {
    !tensor.is_autodiff() && runs_on(tensor)
}

/// The tensor with nothing but its own numbers in order; copied if others use them.
pub(crate) fn own<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    let tensor = plain(tensor.into_dispatch().kind);
    if tensor.is_unique() {
        return FlexTensor::from_data(tensor.into_data());
    }
    self::tensor(scratch::copy(values(&tensor)), tensor.shape())
}

/// The tensor to read.
pub(crate) fn read<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    plain(tensor.into_dispatch().kind)
}

/// Back from [`own`].
pub(crate) fn give<const D: usize>(tensor: FlexTensor) -> Tensor<D> {
    let kind = DispatchTensorKind::Flex(BackendTensor::Float(tensor));
    Tensor::from_dispatch(DispatchTensor { kind, autodiff: DispatchAutodiffContext::Disabled })
}

/// The kernel's value, of shape `shape`; [`runs_on`] is true of all inputs.
pub(crate) fn run<const N: usize, const D: usize, K: Kernel<N>>(
    kernel: K,
    inputs: [DispatchTensor; N],
    shape: [usize; D],
) -> Tensor<D> {
    let context =
        inputs.iter().fold(DispatchAutodiffContext::Disabled, |context, x| context.merge(x.autodiff));
    if context == DispatchAutodiffContext::Disabled {
        let inputs = inputs.map(|input| plain(input.kind));
        let (values, _) = kernel.forward(inputs.each_ref().map(values));
        return give(tensor(values, Shape::from(shape)));
    }
    let output = track(kernel, inputs.map(|input| tracked_kind(input.kind)), Shape::from(shape));
    give_tracked(output, context)
}

/// The tensor with its node.
pub(crate) fn tracked<const D: usize>(tensor: Tensor<D>) -> Tracked {
    tracked_kind(tensor.into_dispatch().kind)
}

/// Back from [`tracked`].
pub(crate) fn give_tracked<const D: usize>(tensor: Tracked, autodiff: DispatchAutodiffContext) -> Tensor<D> {
    let kind = DispatchTensorKind::Flex(BackendTensor::Autodiff(tensor));
    Tensor::from_dispatch(DispatchTensor { kind: DispatchTensorKind::Autodiff(Box::new(kind)), autodiff })
}

fn track<const N: usize, K: Kernel<N>>(kernel: K, inputs: [Tracked; N], shape: Shape) -> Tracked {
    let contiguous = inputs.each_ref().map(|input| contiguous(input.primitive()));
    let (values, kept) = kernel.forward(contiguous.each_ref().map(self::values));
    let output = tensor(values, shape);
    let nodes = inputs.each_ref().map(|input| input.node());
    match Differentiated(kernel.clone()).prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::UnTracked(prep) => prep.finish(output),
        OpsKind::Tracked(mut prep) => {
            let shapes = inputs.each_ref().map(|input| input.primitive().shape());
            let mut needed = K::NEEDED.into_iter();
            let ids = inputs.each_ref().map(|input| needed.next()?.then(|| prep.checkpoint(input)));
            prep.finish(State { kept, shapes, ids }, output)
        }
    }
}

#[derive(Debug)]
struct Differentiated<K>(K);

#[derive(Clone, Debug)]
struct State<Kept, const N: usize> {
    kept: Kept,
    shapes: [Shape; N],
    ids: [Option<NodeId>; N],
}

impl<K: Kernel<N>, const N: usize> Backward<Flex, N> for Differentiated<K> {
    type State = State<K::Kept, N>;

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let State { kept, shapes, ids } = ops.state;
        let gradient = contiguous(&grads.consume::<Flex>(&ops.node));
        let inputs =
            ids.map(|id| id.map(|id| contiguous(&checkpointer.retrieve_node_output::<FlexTensor>(id))));
        let slices = inputs.each_ref().map(|input| input.as_ref().map_or(&[][..], values));
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let gradients = self.0.backward(slices, &kept, values(&gradient), wanted);
        for ((parent, shape), gradient) in ops.parents.into_iter().zip(shapes).zip(gradients) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<Flex>(parent.id, tensor(gradient, shape));
            }
        }
    }
}

fn plain(kind: DispatchTensorKind) -> FlexTensor {
    match kind {
        DispatchTensorKind::Flex(tensor) => contiguous(&tensor.float()),
        _ => unreachable!("kernels run on flex"),
    }
}

fn tracked_kind(kind: DispatchTensorKind) -> Tracked {
    match kind {
        DispatchTensorKind::Flex(tensor) => Autodiff::<Flex>::from_inner(tensor.float()),
        DispatchTensorKind::Autodiff(kind) => match *kind {
            DispatchTensorKind::Flex(tensor) => tensor.autodiff(),
            _ => unreachable!("kernels run on flex"),
        },
        #[allow(unreachable_patterns)]
        _ => unreachable!("kernels run on flex"),
    }
}

/// The numbers in order. Rows that lie apart, as those of some channels of pictures do, are copied whole.
fn contiguous(tensor: &FlexTensor) -> FlexTensor {
    let (shape, layout) = (tensor.shape(), tensor.layout());
    let row: usize = shape.iter().skip(1).product();
    let mut expected = row;
    let rows_are_whole = shape.iter().zip(layout.strides()).skip(1).all(|(size, stride)| {
        expected /= (*size).max(1);
        *size == 1 || usize::try_from(*stride) == Ok(expected)
    });
    match layout.strides().first().map(|stride| usize::try_from(*stride)) {
        Some(Ok(apart))
            if rows_are_whole && row > 0 && !tensor.is_contiguous() && tensor.dtype() == DType::F32 =>
        {
            let all = tensor.storage::<f32>();
            let mut numbers = Vec::with_capacity(shape.num_elements());
            for i in 0..shape[0] {
                numbers.extend_from_slice(&all[layout.start_offset() + i * apart..][..row]);
            }
            self::tensor(numbers, shape)
        }
        _ => tensor.to_contiguous(),
    }
}

pub(crate) fn values(tensor: &FlexTensor) -> &[f32] {
    match tensor.as_slice() {
        Some(values) => values,
        None => unreachable!("contiguous f32"),
    }
}

fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}
