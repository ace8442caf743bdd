//! A run that is exported and read back is the same model.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use diffusion::{
    Churn, Denoiser, LearnedVariance, Parameterization, ReverseVariance, SamplerConfig, SolverConfig,
};
use interop::{ModelFolder, TensorFile, export_run, unet_tensors};
use schedules::{Edm, FixedVariance, Flow, NoiseLevel, ScheduleConfig, Spacing};
use train::{RunConfig, RunDir, TrainedModel};

/// The run that comes with the project.
pub fn run() -> (RunConfig, TrainedModel) {
    let run = RunDir::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../checkpoints/digits-ddpm"));
    let config = RunConfig::load(&run.config()).unwrap();
    let model =
        TrainedModel::load(&train::Weights::read(&run.ema()).unwrap(), &config, &Device::flex()).unwrap();
    (config, model)
}

/// A new folder with that run in it.
pub fn exported() -> (tempfile::TempDir, PathBuf) {
    let (config, model) = run();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("digits");
    export_run(&model, &config, &path).unwrap();
    (folder, path)
}

#[test]
fn export_says_that_the_pipeline_draws_no_classes() {
    let folder = tempfile::tempdir().unwrap();
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../checkpoints/digits-ddpm");
    let mut export = std::process::Command::new(env!("CARGO_BIN_EXE_export"));
    let output = export.arg("--run").arg(run).arg(folder.path().join("digits")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("its pipeline draws no classes"), "{said}");
}

#[test]
fn an_exported_run_reads_back_bit_for_bit() {
    let ((config, model), (_folder, path)) = (run(), exported());
    let back = ModelFolder::read(&path, &Device::flex()).unwrap();
    assert_eq!(
        unet_tensors(&back.model.net, &back.unet).unwrap(),
        unet_tensors(&model.net, &config.model).unwrap()
    );
    // The reference library keeps its tables in single precision.
    for (back, ours) in back
        .model
        .curve
        .chain()
        .unwrap()
        .alphas_cumprod()
        .iter()
        .zip(model.curve.chain().unwrap().alphas_cumprod())
    {
        assert!((back / ours - 1.0).abs() < 1e-4, "{back} is not {ours}");
    }
    assert_eq!(back.model.parameterization, model.parameterization);
    assert_eq!(back.model.image_shape, model.image_shape);
    assert_eq!((back.model.num_classes, back.model.net.null_class()), (Some(10), Some(10)));
    assert_eq!((back.sampler.class(), back.model.clip_x0), ("DDIMScheduler", true));
    let (scheduler, _) = back.sampler.scheduler().unwrap();
    let levels = config.sample_levels(&model.curve).unwrap();
    assert_eq!(scheduler.grid.levels().len(), levels.len());
    for (back, ours) in scheduler.grid.levels().iter().zip(&levels) {
        assert!((back.alpha - ours.alpha).abs() < 1e-6, "{back:?} is not {ours:?}");
    }

    let x = Tensor::<4>::ones([2, 1, 8, 8], &Device::flex());
    let answer = |model: &TrainedModel| {
        let level = NoiseLevel::from_alpha_cumprod(0.5);
        model.denoiser(Some(&[3, 7]), 2.0).denoise(x.clone(), level).unwrap().x0.into_data()
    };
    answer(&back.model).assert_eq(&answer(&model), true);
}

#[test]
fn what_the_reference_library_cannot_express_is_named() {
    let (mut config, model) = run();
    config.model.resample = unet::Resample::Pool;
    let folder = tempfile::tempdir().unwrap();
    let error = export_run(&model, &config, folder.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to export: resample = \"pool\" has no counterpart in the reference library"
    );
    assert!(folder.path().read_dir().unwrap().next().is_none(), "nothing is left behind");
}

/// A network that answers twice the channels, whose scheduler takes the second half for a variance.
#[test]
fn a_learned_variance_is_exported_and_read_back() {
    let (mut config, _) = run();
    config.model.out_channels = 2;
    config.diffusion.variance = ReverseVariance::LearnedRange;
    config.sample.solver = SolverConfig::Ancestral { variance: FixedVariance::Small };
    let net = config.model.init(&Device::flex(), 1).unwrap();
    let model = TrainedModel::new(net, &config, &Device::flex()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    export_run(&model, &config, folder.path()).unwrap();
    // The network starts with zeros in its last layer.
    let mut weights =
        TensorFile::read(&folder.path().join("unet/diffusion_pytorch_model.safetensors")).unwrap();
    weights.tensors.get_mut("conv_out.bias").unwrap().values = vec![0.25, -0.5];
    weights.write().unwrap();

    let back = ModelFolder::read(folder.path(), &Device::flex()).unwrap();
    let (scheduler, _) = back.sampler.scheduler().unwrap();
    let x = Tensor::<4>::ones([1, 1, 8, 8], &Device::flex());
    let level = NoiseLevel::from_alpha_cumprod(0.5);
    let own = back.model.denoiser(Some(&[3]), 1.0).denoise(x.clone(), level).unwrap();
    let folders = scheduler.denoiser(back.model.answer(Some(&[3]))).denoise(x, level).unwrap();
    for prediction in [own, folders] {
        let Some(LearnedVariance::Range(share)) = prediction.variance else { panic!("no variance") };
        assert_eq!(share.try_into_vec_as::<f32>().unwrap(), [-0.5; 64]);
    }

    config.sample.solver = SolverConfig::Ddim { eta: 0.0 };
    let error = export_run(&model, &config, folder.path()).unwrap_err().to_string();
    assert!(error.contains("with a learned variance has no counterpart"), "{error}");
}

/// The digits' network as if it had been trained at other levels, drawn from in as many steps as a folder is.
fn elsewhere(
    schedule: ScheduleConfig,
    parameterization: Parameterization,
    spacing: Spacing,
) -> (RunConfig, TrainedModel) {
    let (mut config, model) = run();
    config.diffusion.schedule = schedule;
    config.diffusion.parameterization = parameterization;
    let solver = SolverConfig::Heun { churn: Churn::default() };
    config.sample = SamplerConfig { solver, spacing, steps: 50, ..SamplerConfig::default() };
    let mut model = TrainedModel::new(model.net, &config, &Device::flex()).unwrap();
    // The library's schedulers of these kinds clip nothing.
    model.clip_x0 = false;
    (config, model)
}

#[test]
fn edm_and_flows_are_exported_and_read_back() {
    let edm = ScheduleConfig::Edm(Edm { sigma_max: 40.0, ..Edm::default() });
    let karras = Spacing::Karras { rho: 5.0 };
    let flow = ScheduleConfig::Flow(Flow::default());
    for (schedule, parameterization, spacing, class, near) in [
        (edm, Parameterization::Edm { sigma_data: 0.7 }, karras, "EDMDPMSolverMultistepScheduler", 1e-6),
        // Between whole timesteps the library visits what we round.
        (flow, Parameterization::Flow, Spacing::Linspace, "FlowMatchHeunDiscreteScheduler", 6e-4),
    ] {
        let (config, model) = elsewhere(schedule, parameterization, spacing);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(export_run(&model, &config, folder.path()).unwrap(), class);
        let back = ModelFolder::read(folder.path(), &Device::flex()).unwrap();
        let steps = Some(config.sample.steps);
        let sampler = back.sampler.called(|call| call.num_inference_steps = steps).unwrap();
        let (scheduler, _) = sampler.scheduler().unwrap();
        let levels = config.sample_levels(&model.curve).unwrap();
        assert_eq!(scheduler.grid.levels().len(), levels.len());
        for (back, ours) in scheduler.grid.levels().iter().zip(&levels) {
            assert!((back.sigma - ours.sigma).abs() < near * ours.sigma.max(1.0), "{back:?} is not {ours:?}");
        }
        let x = Tensor::<4>::ones([1, 1, 8, 8], &Device::flex());
        let level = levels[20];
        let ours = model.denoiser(Some(&[3]), 1.0).denoise(x.clone(), level).unwrap();
        let folders = scheduler.denoiser(back.model.answer(Some(&[3]))).denoise(x, level).unwrap();
        folders.x0.into_data().assert_eq(&ours.x0.into_data(), true);
    }
}

#[test]
fn samplers_that_the_reference_library_lacks_are_named() {
    let karras = Spacing::Karras { rho: 7.0 };
    let (mut config, model) =
        elsewhere(ScheduleConfig::Flow(Flow::default()), Parameterization::Flow, karras);
    let folder = tempfile::tempdir().unwrap();
    let error = |config: &RunConfig| export_run(&model, config, folder.path()).unwrap_err().to_string();
    assert!(
        error(&config).contains("sample.spacing = Karras { rho: 7.0 } with Heun's method has no counterpart")
    );
    config.sample.solver = SolverConfig::Deis { order: 3 };
    assert!(error(&config).contains("sample.solver = Deis { order: 3 } of a flow has no counterpart"));
    assert!(folder.path().read_dir().unwrap().next().is_none(), "nothing is left behind");
}
