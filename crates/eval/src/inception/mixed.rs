use anyhow::Result;
use burn::prelude::*;
use burn::tensor::module::{avg_pool2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};

use super::conv::{Conv, Reader, Size};

/// Several ways through a block, joined along the channels.
pub struct Mixed(Vec<Branch>);

enum Branch {
    /// One convolution after another.
    Chain(Vec<Conv>),
    /// As a chain, and at its end two beside each other.
    Fork(Vec<Conv>, Vec<Conv>),
    /// A pool, and what convolutions there are after it.
    Pool(Pool, Vec<Conv>),
}

/// Pooling over 3x3 pixels.
#[derive(Clone, Copy)]
pub enum Pool {
    /// The mean of the pixels that there are: padding is left out.
    Average,
    /// The maximum.
    Most,
    /// The maximum, of every other row and column, without the border.
    MostHalving,
}

impl Pool {
    /// `[B, C, H, W]` to `[B, C, H', W']`.
    pub fn forward(self, x: Tensor<4>) -> Tensor<4> {
        let most = MaxPoolOptions::new([3, 3]);
        match self {
            Self::Average => {
                let options = AvgPoolOptions::new([3, 3]).with_stride([1, 1]).with_padding([1, 1]);
                avg_pool2d(x, options.with_count_include_pad(false))
            }
            Self::Most => max_pool2d(x, most.with_stride([1, 1]).with_padding([1, 1])),
            Self::MostHalving => max_pool2d(x, most.with_stride([2, 2])),
        }
    }
}

impl Mixed {
    /// `[B, C, H, W]` to `[B, C', H', W']`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let chain = |convs: &[Conv], x| convs.iter().fold(x, |x, conv| conv.forward(x));
        let branches = self.0.iter().flat_map(|branch| match branch {
            Branch::Chain(convs) => vec![chain(convs, x.clone())],
            Branch::Fork(convs, ends) => {
                let x = chain(convs, x.clone());
                ends.iter().map(|end| end.forward(x.clone())).collect()
            }
            Branch::Pool(pool, convs) => vec![chain(convs, pool.forward(x.clone()))],
        });
        Tensor::cat(branches.collect(), 1)
    }

    /// Blocks 5b, 5c and 5d.
    pub fn a(reader: &Reader, name: &str, inputs: usize, pooled: usize) -> Result<Self> {
        let [one, three] = [[1, 1], [3, 3]];
        let at = Names { reader, block: name, inputs };
        Ok(Self(vec![
            at.chain("branch1x1", &[Size::same(64, one)])?,
            at.chain("branch5x5", &[Size::same(48, one), Size::same(64, [5, 5])])?,
            at.chain("branch3x3dbl", &[Size::same(64, one), Size::same(96, three), Size::same(96, three)])?,
            at.pool(Pool::Average, pooled)?,
        ]))
    }

    /// Block 6a.
    pub fn b(reader: &Reader, name: &str, inputs: usize) -> Result<Self> {
        let at = Names { reader, block: name, inputs };
        let double = [Size::same(64, [1, 1]), Size::same(96, [3, 3]), Size::half(96, 3)];
        Ok(Self(vec![
            at.chain("branch3x3", &[Size::half(384, 3)])?,
            at.chain("branch3x3dbl", &double)?,
            Branch::Pool(Pool::MostHalving, Vec::new()),
        ]))
    }

    /// Blocks 6b to 6e, of 768 channels.
    pub fn c(reader: &Reader, name: &str, within: usize) -> Result<Self> {
        let [one, across, down] = [[1, 1], [1, 7], [7, 1]];
        let at = Names { reader, block: name, inputs: 768 };
        let single = [Size::same(within, one), Size::same(within, across), Size::same(192, down)];
        let double = [
            Size::same(within, one),
            Size::same(within, down),
            Size::same(within, across),
            Size::same(within, down),
            Size::same(192, across),
        ];
        Ok(Self(vec![
            at.chain("branch1x1", &[Size::same(192, one)])?,
            at.chain("branch7x7", &single)?,
            at.chain("branch7x7dbl", &double)?,
            at.pool(Pool::Average, 192)?,
        ]))
    }

    /// Block 7a.
    pub fn d(reader: &Reader, name: &str, inputs: usize) -> Result<Self> {
        let at = Names { reader, block: name, inputs };
        let long =
            [Size::same(192, [1, 1]), Size::same(192, [1, 7]), Size::same(192, [7, 1]), Size::half(192, 3)];
        Ok(Self(vec![
            at.chain("branch3x3", &[Size::same(192, [1, 1]), Size::half(320, 3)])?,
            at.chain("branch7x7x3", &long)?,
            Branch::Pool(Pool::MostHalving, Vec::new()),
        ]))
    }

    /// Blocks 7b and 7c, which differ in their pool.
    pub fn e(reader: &Reader, name: &str, inputs: usize, pool: Pool) -> Result<Self> {
        let at = Names { reader, block: name, inputs };
        Ok(Self(vec![
            at.chain("branch1x1", &[Size::same(320, [1, 1])])?,
            at.fork("branch3x3", &[Size::same(384, [1, 1])])?,
            at.fork("branch3x3dbl", &[Size::same(448, [1, 1]), Size::same(384, [3, 3])])?,
            at.pool(pool, 192)?,
        ]))
    }
}

/// Names of a block's layers.
struct Names<'a> {
    reader: &'a Reader<'a>,
    block: &'a str,
    inputs: usize,
}

impl Names<'_> {
    /// `branch`, or `branch_1` and so on where there are several.
    fn chain(&self, branch: &str, sizes: &[Size]) -> Result<Branch> {
        if let [size] = sizes {
            let conv = self.reader.conv(&format!("{}.{branch}", self.block), self.inputs, *size)?;
            return Ok(Branch::Chain(vec![conv]));
        }
        Ok(Branch::Chain(self.numbered(branch, sizes)?))
    }

    /// `branch_1` and so on, the last in two parts `a` and `b` of 384 channels each.
    fn fork(&self, branch: &str, sizes: &[Size]) -> Result<Branch> {
        let last = format!("{}.{branch}_{}", self.block, sizes.len() + 1);
        let end = |part, kernel| self.reader.conv(&format!("{last}{part}"), 384, Size::same(384, kernel));
        Ok(Branch::Fork(self.numbered(branch, sizes)?, vec![end("a", [1, 3])?, end("b", [3, 1])?]))
    }

    fn pool(&self, pool: Pool, outputs: usize) -> Result<Branch> {
        let name = format!("{}.branch_pool", self.block);
        Ok(Branch::Pool(pool, vec![self.reader.conv(&name, self.inputs, Size::same(outputs, [1, 1]))?]))
    }

    fn numbered(&self, branch: &str, sizes: &[Size]) -> Result<Vec<Conv>> {
        let mut inputs = self.inputs;
        let mut convs = Vec::new();
        for (index, &size) in sizes.iter().enumerate() {
            let name = format!("{}.{branch}_{}", self.block, index + 1);
            convs.push(self.reader.conv(&name, inputs, size)?);
            inputs = size.outputs;
        }
        Ok(convs)
    }
}
