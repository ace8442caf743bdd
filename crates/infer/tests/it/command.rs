//! The `infer` program as a user meets it, on the checkpoint that comes with the project.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The project's folder, where the default run is found.
fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn infer(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_infer"));
    command.current_dir(project()).args(args).env("RUST_BACKTRACE", "0").output().unwrap()
}

fn succeeds(args: &[&str]) -> String {
    let output = infer(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn words(line: &str) -> Vec<&str> {
    line.split_ascii_whitespace().collect()
}

fn fails(args: &[&str], expected: &str) {
    let output = infer(args);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{args:?} succeeded");
    assert!(text.contains(expected), "expected `{expected}` in: {text}");
    assert!(!text.contains("panicked"), "{text}");
}

fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

/// The pixels of a PNG, and its text chunks.
fn png(file: &str) -> (Vec<u8>, Vec<(String, String)>) {
    let mut reader =
        png::Decoder::new(std::io::BufReader::new(fs::File::open(file).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    let latin =
        reader.info().uncompressed_latin1_text.iter().map(|text| (text.keyword.clone(), text.text.clone()));
    let utf8 = reader.info().utf8_text.iter().map(|text| (text.keyword.clone(), text.get_text().unwrap()));
    let text = latin.chain(utf8).collect();
    (pixels, text)
}

#[test]
fn without_arguments_but_the_output_it_draws_sixteen_images() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(&folder, "grid.png");
    let text = succeeds(&["--out", &out]);
    assert!(text.contains("16 images"), "{text}");
    let (_, chunks) = png(&out);
    assert!(chunks.contains(&("seed".into(), "0".into())), "{chunks:?}");
    assert!(chunks.iter().any(|(key, value)| key == "labels" && value.starts_with("0,1,2,3")), "{chunks:?}");
}

#[test]
fn a_seed_gives_the_same_images_whatever_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = |name: &str, more: &[&str]| {
        let images = path(&folder, name);
        let out = path(&folder, &format!("{name}.png"));
        let args = words("-n 5 --sampler ancestral --steps 8 --seed 4");
        succeeds(&[&args[..], &["--separate", &images, "--out", &out], more].concat());
        (0..5).map(|i| png(&format!("{images}/{i:06}.png")).0).collect::<Vec<_>>()
    };
    let together = drawn("together", &[]);
    assert_eq!(together, drawn("apart", &["--batch", "2"]));
    assert_ne!(together[0], together[1]);
}

#[test]
fn guidance_and_labels_change_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = |name: &str, more: &[&str]| {
        let out = path(&folder, name);
        succeeds(&[&["-n", "1", "--steps", "10", "--out", &out], more].concat());
        png(&out).0
    };
    let seven = drawn("seven.png", &["--label", "7"]);
    assert_eq!(seven, drawn("again.png", &["--labels", "7"]));
    assert_ne!(seven, drawn("guided.png", &["--label", "7", "--guidance-scale", "3"]));
    assert_ne!(seven, drawn("one.png", &["--label", "1"]));
}

#[test]
fn classes_are_called_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["ema.bpk", "record.json"] {
        fs::copy(project().join("checkpoints/digits-ddpm").join(file), folder.path().join(file)).unwrap();
    }
    let config = fs::read_to_string(project().join("checkpoints/digits-ddpm/config.toml")).unwrap();
    let config = &config[config.find("[dataset]").unwrap()..];
    let names = r#"["nil", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]"#;
    fs::write(folder.path().join("config.toml"), format!("class_names = {names}\n{config}")).unwrap();
    let (run, out) = (folder.path().display().to_string(), path(&folder, "grid.png"));
    let args = words("-n 3 --steps 1 --labels seven,nil,3");
    succeeds(&[&args[..], &["--run", &run, "--out", &out]].concat());
    assert!(png(&out).1.contains(&("labels".into(), "7,0,3".into())));
    fails(&["--run", &run, "--label", "ten"], "no class ten: this model has nil, one, two");
    fs::write(folder.path().join("config.toml"), format!("class_names = [\"one\"]\n{config}")).unwrap();
    fails(&["--run", &run], "class_names has 1 names for 10 classes");
}

#[test]
fn animations_and_walks_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let (out, animation) = (path(&folder, "walk.png"), path(&folder, "animation.png"));
    let args = words("-n 6 --interpolate 1,2 --sampler ddim --eta 0 --steps 10 --label 3");
    succeeds(&[&args[..], &["--animate", &animation, "--out", &out, "--show"]].concat());
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(&animation).unwrap()));
    let frames = decoder.read_info().unwrap().info().animation_control().unwrap().num_frames;
    assert_eq!(frames, 11, "the noise, and what is predicted in 10 steps");
    assert_eq!(png(&animation).0, png(&out).0, "what viewers without animation show");

    // The ends of the walk are the two images themselves.
    let plain = path(&folder, "plain.png");
    let (walk_images, images) = (path(&folder, "walk"), path(&folder, "images"));
    succeeds(&[&args[..], &["--out", &out, "--separate", &walk_images]].concat());
    let args = words("-n 3 --sampler ddim --steps 10 --label 3");
    succeeds(&[&args[..], &["--out", &plain, "--separate", &images]].concat());
    for (walk, image) in [(0, 1), (5, 2)] {
        let (a, b) =
            (png(&format!("{walk_images}/{walk:06}.png")).0, png(&format!("{images}/{image:06}.png")).0);
        assert!(difference(&a, &b) <= 1, "image {image} differs by {}", difference(&a, &b));
    }
}

fn difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// The recorded picture is a grid of 4x4 images, each pixel four times as wide and high, two pixels apart.
#[test]
fn a_seed_is_one_picture() {
    let folder = tempfile::tempdir().unwrap();
    let (out, single) = (path(&folder, "grid.png"), path(&folder, "single"));
    succeeds(
        &[&words("--sampler ddim --steps 20 --seed 3 --out")[..], &[&out, "--separate", &single]].concat(),
    );
    let golden =
        data::read_picture(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/seed-3.png"))
            .unwrap();
    for image in 0..16 {
        let (left, top) = (image % 4 * 34, image / 4 * 34);
        let recorded: Vec<u8> = (0..64).map(|i| golden.at(left + i % 8 * 4, top + i / 8 * 4)[0]).collect();
        // Processors with other vector units round otherwise.
        let difference = difference(&png(&format!("{single}/{image:06}.png")).0, &recorded);
        assert!(difference <= 2, "image {image} differs by {difference} of 255");
    }
}

/// A grid is at least 256 pixels wide, or as `--zoom` says, and shows the single images.
#[test]
fn a_grid_shows_the_single_images_enlarged() {
    let folder = tempfile::tempdir().unwrap();
    let (out, single) = (path(&folder, "grid.png"), path(&folder, "single"));
    let args = words("-n 20 --labels 0..9 --steps 1 --out");
    succeeds(&[&args[..], &[&out, "--separate", &single]].concat());
    let grid = data::read_picture(out.as_ref()).unwrap();
    let image = data::read_picture(format!("{single}/000013.png").as_ref()).unwrap();
    assert_eq!((grid.width(), image.shape()), (10 * 34 - 2, [1, 8, 8]));
    let captions = grid.height() - (2 * 34 - 2);
    assert!(captions > 0, "no room for the classes");
    for (x, y) in (0..64).map(|i| (i % 8, i / 8)) {
        assert_eq!(grid.at(3 * 34 + x * 4 + 3, captions + 34 + y * 4), image.at(x, y), "({x}, {y})");
    }
    succeeds(&[&args[..], &[&out, "--zoom", "1"]].concat());
    assert_eq!(data::read_picture(out.as_ref()).unwrap().width(), 10 * 10 - 2);
    fails(&["--zoom", "0"], "invalid value '0' for '--zoom <N>'");
}

#[test]
fn the_help_is_as_it_was() {
    expect_test::expect_file!["../snapshots/help.txt"].assert_eq(&succeeds(&["--help"]));
}

#[test]
fn the_forward_process_agrees_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(&folder, "forward.png");
    let text = succeeds(&["--forward", "3", "--out", &out]);
    assert_eq!(text.matches("  agree").count(), 10, "{text}");
    let from_file = succeeds(&["--forward", &out, "--out", &path(&folder, "again.png")]);
    assert!(!from_file.contains("DISAGREE"), "{from_file}");
}

/// A run written as a folder of the diffusers library draws the run's own images.
#[test]
fn a_model_folder_draws_what_its_run_draws() {
    let folder = tempfile::tempdir().unwrap();
    let run = train::RunDir::new(project().join("checkpoints/digits-ddpm"));
    let mut config = train::RunConfig::load(&run.config()).unwrap();
    config.sample.solver = diffusion::SolverConfig::Ancestral { variance: schedules::FixedVariance::Small };
    let device = backend::open(backend::BackendName::Flex, 0).unwrap();
    let model =
        train::TrainedModel::load(&train::Weights::read(&run.ema()).unwrap(), &config, &device).unwrap();
    let exported = path(&folder, "exported");
    interop::export_run(&model, &config, Path::new(&exported)).unwrap();

    let drawn = |name: &str, source: &[&str]| {
        let out = path(&folder, name);
        let args = ["-n", "2", "--labels", "3,8", "--guidance-scale", "2", "--steps", "7", "--out", &out];
        succeeds(&[source, &args[..]].concat());
        png(&out).0
    };
    let by_run = drawn("run.png", &["--sampler", "ancestral"]);
    assert_eq!(by_run, drawn("model.png", &["--model", &exported]));
    assert_ne!(by_run, drawn("ddim.png", &["--model", &exported, "--sampler", "ddim"]));
    fails(&["--model", &exported, "--label", "10"], "no class 10: this model has classes 0..9");
    fails(&["--model", &exported, "--run", "runs/none"], "cannot be used with");
    fails(&["--model", &exported, "--dtype", "bf16"], "it belongs to folders of pipelines");
    let config = Path::new(&exported).join("unet/config.json");
    let text = fs::read_to_string(&config).unwrap().replace("\"silu\"", "\"tanh\"");
    fs::write(&config, text).unwrap();
    fails(&["--model", &exported], "act_fn = \"tanh\" is not supported");
}

#[test]
fn what_does_not_fit_is_named() {
    fails(&["--model", "runs/none"], "runs/none does not exist: give a folder with a model_index.json");
    fails(&["--run", "runs/none"], "runs/none");
    fails(&["--label", "10"], "no class 10: this model has 0, 1, 2, 3, 4, 5, 6, 7, 8, 9");
    fails(&["--labels", "3..1"], "holds no class");
    fails(&["--steps", "0"], "0 sampling steps");
    fails(&["--steps", "5000"], "5000 sampling steps do not fit a chain of 1000");
    fails(
        &["--sampler", "ancestral", "--eta", "0.5"],
        "--eta: ancestral does not use it: leave it out, or add --sampler ddim, dpm2 or tcd",
    );
    fails(&["--sampler", "ancestral", "--interpolate", "1,2"], "--interpolate needs a deterministic sampler");
    fails(&["-n", "0"], "-n and --batch must be at least 1");
    fails(&["--forward", "no-such-file"], "no such file");
    fails(&["--forward", "100000"], "100000");
    fails(&["--checkpoint", "Cargo.toml"], "config.toml");
    fails(
        &["--checkpoint", "checkpoints/digits-ddpm"],
        "it is a run: give it with --run checkpoints/digits-ddpm",
    );
    fails(&["--checkpoint", "checkpoints/digit-ddpm"], "did you mean checkpoints/digits-ddpm?");
    fails(&["--run", "digits-ddpm"], "there is no run digits-ddpm: did you mean checkpoints/digits-ddpm?");
    fails(&["--model", "checkpoints/digits-ddpm"], "it is a run: give it with --run");
    fails(&["--checkpoint", "crates"], "crates/meta.json");
    fails(
        &["--checkpoint", "checkpoints/digits-ddpm/record.json"],
        "failed to load the weights in checkpoints",
    );
    fails(
        &["--negative", "blurry"],
        "--negative: a run that draws pixels does not use it: this model knows no text",
    );
    for flag in [["--dtype", "bf16"], ["--tile", "64"], ["--size", "64"], ["--clip-skip", "1"]] {
        fails(&flag, &format!("{}: a run that draws pixels does not use it", flag[0]));
    }
    fails(&["--guidance-scale", "nan"], "it must be a finite number");
    fails(&["--backend", "cuda"], "cuda");
    fails(&["--out", "no/such/folder/grid.png"], "there is no folder no/such/folder");
    fails(&["--out", "grid.jpg"], "use a name that ends in .png");
    fails(&["--out", "crates"], "crates");
    fails(
        &["--out", "same.png", "--animate", "same.png"],
        "--out same.png and --animate same.png are the same file",
    );
}

#[test]
fn changed_weights_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.toml", "ema.bpk", "record.json"] {
        fs::copy(project().join("checkpoints/digits-ddpm").join(file), folder.path().join(file)).unwrap();
    }
    let (run, out) = (folder.path().display().to_string(), path(&folder, "grid.png"));
    succeeds(&["--run", &run, "-n", "1", "--steps", "1", "--out", &out]);
    let weights = folder.path().join("ema.bpk");
    let mut bytes = fs::read(&weights).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&weights, bytes).unwrap();
    fails(&["--run", &run, "--out", &out], "their SHA-256 is not the one in record.json");
}
