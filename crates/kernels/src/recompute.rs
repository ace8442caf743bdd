use std::marker::PhantomData;
use std::{fmt, slice};

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{DispatchAutodiffContext, Flex};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Distribution, GradientCheckpointingStrategy, Tensor};

use crate::cpu::scratch;
use crate::graph::{self, Kernel, Tracked};
use crate::operations::uncounted;

/// `forward(module, inputs)`, of which no more is kept for the gradient than its inputs: it is computed again (Chen et al.
/// 2016, arXiv 1604.06174). That is so on flex where tensors are of a device with
/// [`gradient_checkpointing`](Device::gradient_checkpointing); other backends keep what Burn says.
///
/// `draws` says whether `forward` draws random numbers from the device: they are the same the second time.
pub fn recomputed<const N: usize, M: Module + 'static>(
    module: &M,
    inputs: [Tensor<4>; N],
    draws: bool,
    forward: fn(&M, [Tensor<4>; N]) -> Tensor<4>,
) -> Tensor<4> {
    let asked = |x: &Tensor<4>| {
        x.gradient_checkpointing_strategy() == Some(GradientCheckpointingStrategy::Balanced)
            && graph::runs_on(x)
    };
    if !inputs.iter().all(asked) {
        return forward(module, inputs);
    }
    let tracked = inputs.each_ref().map(|x| graph::tracked(x.clone()));
    if !tracked.iter().any(Tracked::is_tracked) {
        return forward(module, inputs);
    }
    let seed = draws.then(|| draw_seed(&inputs[0].device().inner()));
    let mut detach = Detach(Vec::new());
    let module = module.clone().map(&mut detach);
    let part = Part { module, parameters: detach.0, seed, forward };
    let output = graph::read(part.run(&part.module, inputs.map(|x| x.inner().autodiff())).inner());
    let nodes = tracked.each_ref().map(|x| x.node());
    let output =
        match Recomputation::<M>(PhantomData).prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
            OpsKind::UnTracked(prep) => prep.finish(output),
            OpsKind::Tracked(mut prep) => {
                let inputs = tracked.each_ref().map(|x| prep.checkpoint(x));
                prep.finish(State { part, inputs }, output)
            }
        };
    graph::give_tracked(output, DispatchAutodiffContext::Enabled(GradientCheckpointingStrategy::Balanced))
}

/// A seed that follows from the device's own.
fn draw_seed(device: &Device) -> u64 {
    let draw = Tensor::<1>::random([2], Distribution::Uniform(0.0, f64::from(1 << 24)), device);
    draw.into_data().iter::<f32>().fold(0, |seed, value| seed << 32 | value as u64)
}

/// Part of a network, with weights that no graph knows.
#[derive(Clone)]
struct Part<M, const N: usize> {
    module: M,
    /// The nodes that the weights have in the graph, in their order; none for what is not trained.
    parameters: Vec<Option<NodeId>>,
    seed: Option<u64>,
    forward: fn(&M, [Tensor<4>; N]) -> Tensor<4>,
}

impl<M: fmt::Debug, const N: usize> fmt::Debug for Part<M, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("module", &self.module).finish_non_exhaustive()
    }
}

impl<M: Module, const N: usize> Part<M, N> {
    fn run(&self, module: &M, inputs: [Tensor<4>; N]) -> Tensor<4> {
        if let Some(seed) = self.seed {
            inputs[0].device().inner().seed(seed);
        }
        (self.forward)(module, inputs)
    }

    /// Its value in a graph of its own, with the module and the inputs whose gradients that knows.
    fn tracked(&self, inputs: [FlexTensor; N]) -> (Tensor<4>, M, [Tensor<4>; N]) {
        let module = self.module.clone().map(&mut Track(self.parameters.iter()));
        let inputs = inputs.map(|x| graph::give::<4>(x).autodiff().require_grad());
        (self.run(&module, inputs.clone()), module, inputs)
    }
}

/// The operation.
struct Recomputation<M>(PhantomData<fn() -> M>);

impl<M> fmt::Debug for Recomputation<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recomputation")
    }
}

#[derive(Clone, Debug)]
struct State<M, const N: usize> {
    part: Part<M, N>,
    inputs: [NodeId; N],
}

impl<M: Module + 'static, const N: usize> Backward<Flex, N> for Recomputation<M> {
    type State = State<M, N>;

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let State { part, inputs } = ops.state;
        let seed = Seed(grads.consume::<Flex>(&ops.node).to_contiguous());
        let inputs = inputs.map(|id| checkpointer.retrieve_node_output::<FlexTensor>(id));
        let (output, module, inputs) = uncounted(|| part.tracked(inputs));
        let mut found = graph::run(seed, [output.into_dispatch()], [1]).backward();
        for (parent, input) in ops.parents.into_iter().zip(inputs) {
            if let (Some(parent), Some(gradient)) = (parent, input.grad_remove(&mut found)) {
                grads.register::<Flex>(parent.id, graph::read(gradient));
            }
        }
        module.visit(&mut HandOver { nodes: part.parameters.iter(), found, grads });
    }
}

/// A number whose gradient is that of the tensor it is made of, whatever both are.
#[derive(Clone, Debug)]
struct Seed(FlexTensor);

impl Kernel<1> for Seed {
    const NEEDED: [bool; 1] = [false];
    type Kept = ();

    fn forward(&self, _: [&[f32]; 1]) -> (Vec<f32>, ()) {
        (vec![0.0], ())
    }

    fn backward(&self, _: [&[f32]; 1], _: &(), _: &[f32], _: [bool; 1]) -> [Option<Vec<f32>>; 1] {
        [Some(scratch::copy(graph::values(&self.0)))]
    }
}

/// Takes weights out of the graph, and notes where they were.
struct Detach(Vec<Option<NodeId>>);

impl ModuleMapper for Detach {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, value, mapper) = param.consume();
        let node = value.is_require_grad().then(|| graph::tracked(value.clone()).id());
        self.0.push(node);
        Param::from_mapped_value(id, value.inner().autodiff(), mapper)
    }
}

/// Makes those that were in the graph the leaves of another.
struct Track<'a>(slice::Iter<'a, Option<NodeId>>);

impl ModuleMapper for Track<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, value, mapper) = param.consume();
        let trained = matches!(self.0.next(), Some(Some(_)));
        Param::from_mapped_value(id, value.set_require_grad(trained), mapper)
    }
}

/// Hands the gradients of leaves to the nodes that they stand for.
struct HandOver<'a> {
    nodes: slice::Iter<'a, Option<NodeId>>,
    found: burn::tensor::Gradients,
    grads: &'a mut Gradients,
}

impl ModuleVisitor for HandOver<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let node = self.nodes.next().copied().flatten();
        if let (Some(node), Some(gradient)) = (node, param.val().grad_remove(&mut self.found)) {
            self.grads.register::<Flex>(node, graph::read(gradient));
        }
    }
}
