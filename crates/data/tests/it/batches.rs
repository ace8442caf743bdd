//! Batches are a function of (seed, step).
use std::sync::Arc;

use crate::common::*;
use data::{Batches, DataError, HostBatch, Prefetch, ReadEncoded};
use random::Seed;

/// Ten images of 4x4 told apart by their value.
fn batches(size: usize, seed: u64) -> Batches {
    let dir = folder();
    write_idx(dir.path(), 10);
    Batches::new(open(dir.path(), IDX).unwrap().train, size, Seed(seed)).unwrap()
}

fn marks(batch: &HostBatch) -> Vec<u8> {
    batch.pixels.chunks(16).map(|image| data::pixels::from_unit(image[0])).collect()
}

#[test]
fn every_epoch_has_each_image_once_and_an_order_of_its_own() {
    // 10 images, batches of 4: 5 batches are two epochs, the third batch belongs to both.
    let batches = batches(4, 1);
    let seen: Vec<u8> = (0..5).flat_map(|step| marks(&batches.batch(step).unwrap())).collect();
    assert_ne!(seen[..10], seen[10..]);
    for epoch in seen.chunks(10) {
        let mut epoch = epoch.to_vec();
        epoch.sort_unstable();
        assert_eq!(epoch, (0..10).collect::<Vec<_>>());
    }
}

#[test]
fn a_batch_has_pixels_labels_and_a_shape() {
    let batch = batches(4, 1).batch(3).unwrap();
    assert_eq!(batch.shape, [4, 1, 4, 4]);
    assert_eq!(batch.pixels.len(), 64);
    let labels: Vec<usize> = marks(&batch).iter().map(|&mark| usize::from(mark % 3)).collect();
    assert_eq!(batch.labels, Some(labels));
}

#[test]
fn a_batch_may_be_larger_than_the_set() {
    let batch = batches(25, 1).batch(1).unwrap();
    let mut marks = marks(&batch);
    assert_eq!(marks.len(), 25);
    marks.sort_unstable();
    marks.dedup();
    assert_eq!(marks.len(), 10);
}

#[test]
fn the_seed_decides() {
    assert_eq!(batches(4, 1).batch(7).unwrap(), batches(4, 1).batch(7).unwrap());
    assert_ne!(batches(4, 1).batch(7).unwrap(), batches(4, 2).batch(7).unwrap());
}

#[test]
fn steps_may_be_asked_for_in_any_order() {
    let straight = batches(4, 1);
    let expected: Vec<HostBatch> = (0..20).map(|step| straight.batch(step).unwrap()).collect();
    let jumping = batches(4, 1);
    for step in [19, 0, 7, 18, 3, 7] {
        assert_eq!(jumping.batch(step).unwrap(), expected[step as usize], "step {step}");
    }
}

#[test]
fn workers_and_resumption_change_nothing() {
    let straight = batches(4, 1);
    let expected: Vec<HostBatch> = (0..30).map(|step| straight.batch(step).unwrap()).collect();
    for (workers, start) in [(1, 0), (4, 0), (3, 13)] {
        let batches = batches(4, 1);
        let prefetch = Prefetch::new(workers, start as u64, Arc::new(move |step| batches.batch(step)));
        let got: Vec<HostBatch> = prefetch.take(30 - start).map(Result::unwrap).collect();
        assert_eq!(got, expected[start..], "{workers} workers from step {start}");
    }
}

/// Images whose left half is darker than the right: mirrored ones can be told.
#[test]
fn flips_mirror_half_of_the_training_images_and_no_validation_image() {
    let dir = folder();
    let image = [0, 9].repeat(200);
    write(dir.path(), "images", &idx(0x803, &[200, 1, 2], &image));
    let text = "type = \"idx\"\nimages = \"DIR/images\"\nflip = true\nvalid_fraction = 0.2";
    let splits = open(dir.path(), text).unwrap();
    let flipped = |batch: HostBatch| batch.pixels.chunks(2).filter(|pair| pair[0] > pair[1]).count();

    let batches = Batches::new(splits.train.clone(), 160, Seed(3)).unwrap();
    let count = flipped(batches.batch(0).unwrap());
    // Four standard deviations of a fair coin thrown 160 times are 25.
    assert!((55..=105).contains(&count), "{count} of 160");
    assert_eq!(batches.batch(0).unwrap(), batches.batch(0).unwrap());

    let all: Vec<usize> = (0..splits.train.len()).collect();
    assert_eq!(flipped(splits.train.fixed(&all).unwrap()), 0);
    assert_eq!(flipped(splits.valid.fixed(&[0, 1, 2]).unwrap()), 0);
}

#[test]
fn fixed_access_keeps_the_order_asked_for() {
    let dir = folder();
    write_idx(dir.path(), 10);
    let splits = open(dir.path(), IDX).unwrap();
    let batch = splits.train.fixed(&[8, 3, 3]).unwrap();
    assert_eq!((marks(&batch), batch.labels), (vec![8, 3, 3], Some(vec![2, 0, 0])));
}

#[test]
fn batches_of_nothing_are_refused() {
    let dir = folder();
    write_idx(dir.path(), 10);
    let splits = open(dir.path(), IDX).unwrap();
    let empty = Batches::new(splits.valid.clone(), 4, Seed(0)).unwrap_err().to_string();
    assert_eq!(empty, "the data set: no images found; expected at least one image to make batches of");
    let zero = Batches::new(splits.train.clone(), 0, Seed(0)).unwrap_err().to_string();
    assert_eq!(zero, "dataset.batch_size: 0 images make no batch");
}

/// Says which latent it is asked for.
struct Asked;

impl ReadEncoded for Asked {
    fn read(&self, index: usize, mirrored: bool, values: &mut Vec<f32>) -> Result<(), DataError> {
        values.extend([index as f32, f32::from(u8::from(mirrored))]);
        Ok(())
    }
}

#[test]
fn encoded_images_keep_their_labels_and_the_order_of_batches() {
    let dir = folder();
    write_idx(dir.path(), 10);
    let set = open(dir.path(), IDX).unwrap().train;
    let encoded = Arc::new(set.encoded(Arc::new(Asked), [2, 1, 1]).unwrap());
    assert_eq!(encoded.mirrored(&[7]).unwrap().pixels, [7.0, 1.0]);
    let [images, latents] = [set, encoded].map(|set| Batches::new(set, 4, Seed(1)).unwrap());
    let batch = latents.batch(3).unwrap();
    assert_eq!((batch.shape, &batch.labels), ([4, 2, 1, 1], &images.batch(3).unwrap().labels));
    let expected: Vec<f32> = images.indices(3).into_iter().flat_map(|index| [index as f32, 0.0]).collect();
    assert_eq!(batch.pixels, expected);
}
