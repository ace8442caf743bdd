use std::path::Path;
use std::process::Command;

/// The git revision of the working folder, with `+` where files have changed; none outside a checkout.
pub(crate) fn git_revision() -> Option<String> {
    revision_of(Path::new("."))
}

/// A folder's own configuration names programs that git would run: a monitor of files, hooks, filters of files, transports
/// for missing objects. None of them is run.
fn revision_of(folder: &Path) -> Option<String> {
    let revision = git(folder, &[], &["rev-parse", "--short=12", "HEAD"])?;
    let status = ["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all"];
    let changed = git(folder, &without_filters(folder), &status).is_some_and(|text| !text.is_empty());
    Some(if changed { format!("{revision}+") } else { revision })
}

/// Settings that switch off the filters of files which the folder's configuration defines.
fn without_filters(folder: &Path) -> Vec<String> {
    let keys = ["--local", "--worktree"].into_iter().filter_map(|scope| {
        let list = ["config", scope, "--includes", "--name-only", "--null", "--get-regexp", r"^filter\."];
        git(folder, &[], &list)
    });
    let keys: Vec<String> =
        keys.flat_map(|keys| keys.split('\0').map(str::to_owned).collect::<Vec<_>>()).collect();
    let filters = keys.iter().filter_map(|key| key.rsplit_once('.').map(|(filter, _)| filter));
    let off = |filter: &str| {
        ["clean=", "smudge=", "process=", "required=false"].map(|key| format!("{filter}.{key}"))
    };
    filters.flat_map(off).collect()
}

/// What git prints, in a folder, with settings beyond the folder's own; none if it fails.
fn git(folder: &Path, settings: &[String], args: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.current_dir(folder);
    // A folder that looks like a bare repository is one to git, unless told otherwise.
    command.args([
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "safe.bareRepository=explicit",
    ]);
    for setting in settings {
        command.args(["-c", setting]);
    }
    command.envs([
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_ALLOW_PROTOCOL", ""),
    ]);
    let output = command.args(args).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn run(folder: &Path, args: &[&str]) {
        let identity =
            ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"];
        let status = Command::new("git").current_dir(folder).args(identity).args(args).status().unwrap();
        assert!(status.success(), "{args:?}");
    }

    /// A script that tells that it was run.
    fn trap(folder: &Path, name: &str) -> String {
        let path = folder.join(name);
        let text = format!("#!/bin/sh\necho {name} >> {}\ncat\n", folder.join("sprung").display());
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    #[test]
    fn the_folder_of_a_run_runs_nothing() {
        let place = tempfile::tempdir().unwrap();
        let (folder, traps) = (place.path().join("checkout"), place.path().join("traps"));
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(&traps).unwrap();
        run(&folder, &["init", "--quiet"]);
        fs::write(folder.join("file.txt"), "one").unwrap();
        fs::write(folder.join(".gitattributes"), "*.txt filter=trap\n").unwrap();
        run(&folder, &["add", "."]);
        run(&folder, &["commit", "--quiet", "-m", "first"]);
        let clean = revision_of(&folder).unwrap();
        assert!(clean.len() == 12 && !clean.contains('+'), "{clean}");

        for key in ["core.fsmonitor", "filter.trap.clean", "filter.trap.process", "core.sshCommand"] {
            run(&folder, &["config", key, &trap(&traps, &key.replace('.', "-"))]);
        }
        run(&folder, &["config", "core.hooksPath", &traps.display().to_string()]);
        trap(&traps, "post-index-change");
        fs::write(folder.join("file.txt"), "two").unwrap();
        assert_eq!(revision_of(&folder).unwrap(), format!("{clean}+"));
        assert!(!traps.join("sprung").exists(), "{:?}", fs::read_to_string(traps.join("sprung")));
        assert_eq!(revision_of(place.path()), None);
    }
}
