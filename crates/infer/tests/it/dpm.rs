//! Drawing from diffusion probabilistic models with the `infer` program; untrained ones will do.

use std::fs;
use std::process::{Command, Output};

use burn::prelude::*;
use data::{Picture, read_picture};
use train::{DpmRunConfig, DpmSystem, PointRunConfig, PointSystem, System};

const ROLL: &str = "system = \"dpm\"\nshape = [2, 1, 1]\n[dataset]\ntype = \"swiss-roll\"\npoints = 500\n";
const DIGITS: &str = "system = \"dpm\"\nshape = [1, 8, 8]\n[dataset]\ntype = \"digits\"\n\
                      [standardize]\nmean = [-0.4]\nstd = [0.7]\n[dpm]\nnum_train_timesteps = 8\n";

const POINTS: &str = "system = \"points\"\nvalues = 2\n[dataset]\ntype = \"swiss-roll\"\npoints = 500\n\
                      [model]\nwidth = 8\n[diffusion]\nnum_train_timesteps = 20\n[sample]\nsteps = 20\n";

/// A folder with runs of untrained models.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for (name, text) in [("roll", ROLL), ("digits", DIGITS)] {
            let run = desk.0.path().join(name);
            fs::create_dir(&run).unwrap();
            fs::write(run.join("config.toml"), text).unwrap();
            let config = DpmRunConfig::load(&run.join("config.toml")).unwrap();
            let net = DpmSystem::init(&config, &Device::flex()).unwrap();
            net.into_record().save(run.join("ema.bpk")).unwrap();
        }
        let run = desk.0.path().join("points");
        fs::create_dir(&run).unwrap();
        fs::write(run.join("config.toml"), POINTS).unwrap();
        let config = PointRunConfig::load(&run.join("config.toml")).unwrap();
        let net = PointSystem::init(&config, &Device::flex()).unwrap();
        net.into_record().save(run.join("ema.bpk")).unwrap();
        desk
    }

    fn infer(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_infer"));
        command.current_dir(self.0.path()).args(args).env("RUST_BACKTRACE", "0").output().unwrap()
    }

    fn draws(&self, args: &[&str]) -> Picture {
        let output = self.infer(&[args, &["--out", "out.png"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        read_picture(&self.0.path().join("out.png")).unwrap()
    }

    fn fails(&self, args: &[&str], expected: &str) {
        let output = self.infer(args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{args:?} succeeded");
        assert!(text.contains(expected), "expected `{expected}` in: {text}");
    }

    fn picture(&self, name: &str, byte: impl Fn(usize) -> u8) {
        let bytes = (0..64).map(byte).collect();
        Picture::from_bytes(8, 8, 1, bytes).write_png(&self.0.path().join(name), &[]).unwrap();
    }
}

#[test]
fn points_are_drawn_as_three_rows_and_animated() {
    let desk = Desk::new();
    let picture = desk.draws(&["--run", "roll", "-n", "200", "--animate", "walk.png"]);
    let [_, height, width] = picture.shape();
    // Beside the diagrams stand "samples" and the like, above them a title.
    let (left, title) = (7 * 7 + 3, 16);
    assert_eq!((width, height), (left + 5 * 240 + 4 * 3, title + 3 * 240 + 2 * 3));
    assert!(desk.0.path().join("walk.png").exists());
    let again = desk.draws(&["--run", "roll", "-n", "200"]);
    assert_eq!(picture, again, "one seed, one picture");
}

/// The solvers of images draw points as well, in the same three rows.
#[test]
fn points_are_drawn_by_every_solver() {
    let desk = Desk::new();
    let run = ["--run", "points", "-n", "50"];
    let own = desk.draws(&[&run[..], &["--animate", "walk.png"]].concat());
    assert_eq!(own.shape(), desk.draws(&["--run", "roll", "-n", "50"]).shape());
    assert!(desk.0.path().join("walk.png").exists());
    for solver in [
        "ancestral",
        "ddim",
        "euler",
        "heun",
        "dpm2",
        "lms",
        "plms",
        "pndm",
        "ipndm",
        "dpmsolver",
        "dpmsolver++",
        "dpmsolver++-single",
        "sde-dpmsolver++",
        "dpm-sde",
        "deis",
        "unipc",
        "lcm",
        "tcd",
    ] {
        let drawn = desk.draws(&[&run[..], &["--sampler", solver, "--steps", "5"]].concat());
        assert_eq!(drawn.shape(), own.shape(), "{solver}");
        assert_ne!(drawn, own, "{solver}");
    }
}

#[test]
fn what_is_black_in_a_mask_is_kept() {
    let desk = Desk::new();
    desk.picture("image.png", |i| (i * 4) as u8);
    desk.picture("mask.png", |i| if i % 8 < 4 { 0 } else { 255 });
    let edit = ["--run", "digits", "-n", "1", "--init-image", "image.png", "--mask", "mask.png"];
    let drawn = desk.draws(&[&edit[..], &["--zoom", "4"]].concat());
    // Each pixel is enlarged to 4x4; to the left is the original, and two pixels.
    let pixel = |i: usize| drawn.at(34 + i % 8 * 4, i / 8 * 4)[0];
    assert!((0..64).all(|i| drawn.at(i % 8 * 4, i / 8 * 4)[0] == (i * 4) as u8), "the original");
    let kept = (0..64).filter(|i| i % 8 < 4).all(|i| pixel(i).abs_diff((i * 4) as u8) <= 1);
    let rest = (0..64).filter(|i| i % 8 >= 4).any(|i| pixel(i).abs_diff((i * 4) as u8) > 40);
    assert!(kept && rest);
    desk.draws(&["--run", "digits", "-n", "1", "--init-image", "image.png", "--denoise", "0.3"]);
}

#[test]
fn arguments_of_other_systems_are_refused() {
    let desk = Desk::new();
    desk.picture("image.png", |i| i as u8);
    desk.fails(&["--run", "digits", "--sampler", "ddim"], "walks its whole chain: leave it out");
    desk.fails(&["--run", "digits", "--init-image", "image.png"], "add --mask to draw a part of it anew");
    desk.fails(&["--run", "roll", "--init-image", "image.png"], "this model draws no pictures");
    desk.fails(&["--run", "roll", "--zoom", "3"], "--zoom: this model draws no pictures");
    desk.fails(&["--run", "points", "--zoom", "3"], "--zoom: a run that draws points does not use it");
    desk.fails(&["--run", "points", "--label", "3"], "--label: a run that draws points does not use it");
    for option in [&["--spacing", "trailing"][..], &["--separate", "x"], &["--dynamic-threshold", "0.9"]] {
        desk.fails(
            &[&["--run", "digits"], option].concat(),
            &format!("{}: a diffusion probabilistic", option[0]),
        );
    }
    desk.fails(&["--run", "points", "--batch", "9"], "--batch: a run that draws points does not use it");
    desk.fails(&["--run", "points", "-n", "18446744073709551615"], "GiB, which this machine does not have");
    desk.fails(&["--run", "roll", "-n", "18446744073709551615"], "GiB, which this machine does not have");
    desk.fails(&["--run", "points", "--steps", "21"], "21 sampling steps do not fit a chain of 20");
    let weights = desk.0.path().join("roll/ema.bpk");
    fs::write(&weights, fs::read(desk.0.path().join("digits/ema.bpk")).unwrap()).unwrap();
    desk.fails(&["--run", "roll"], "failed to load the weights");
}
