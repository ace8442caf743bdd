//! Fingerprints follow what files hold.
use crate::common::*;

const FOLDER: &str = "type = \"folder\"\npath = \"DIR\"\n";

fn fingerprint(dir: &TempDir, text: &str) -> String {
    open(dir.path(), text).unwrap().fingerprint().to_string()
}

#[test]
fn fingerprints_tell_sets_apart_but_not_paths() {
    let (here, there) = (folder(), folder());
    write_classes(here.path());
    write_classes(there.path());
    let fingerprint = |dir: &TempDir, keys: &str| fingerprint(dir, &format!("{FOLDER}{keys}"));
    let same = fingerprint(&here, "");
    assert_eq!(fingerprint(&there, ""), same);
    assert_eq!(fingerprint(&there, "flip = true"), same, "mirroring belongs to training");
    assert_ne!(fingerprint(&there, "pad_to = 8"), same);
    std::fs::rename(there.path().join("ant/00.png"), there.path().join("ant/00b.png")).unwrap();
    assert_ne!(fingerprint(&there, ""), same);
}

/// Changes a byte of a file's end, where a PNG has a checksum that its decoder does not need.
fn touch(dir: &TempDir, name: &str, from_end: usize) {
    let path = dir.path().join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() - from_end;
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
}

#[test]
fn a_folder_whose_files_keep_their_sizes_is_another_set() {
    let dir = folder();
    write_classes(dir.path());
    let [whole, reduced] = [FOLDER.to_owned(), format!("{FOLDER}reduce_to = 3")];
    let before = [fingerprint(&dir, &whole), fingerprint(&dir, &reduced)];
    let size = || std::fs::metadata(dir.path().join("bee/05.png")).unwrap().len();
    let old = size();
    write_png(dir.path(), "bee/05.png", 6, &[6, 100, 200]);
    assert_eq!(size(), old);
    let after = [fingerprint(&dir, &whole), fingerprint(&dir, &reduced)];
    assert!(before[0] != after[0] && before[1] != after[1]);
}

/// As a run recorded it when fingerprints of folders covered names and sizes.
#[test]
fn what_older_runs_recorded_still_fits() {
    let dir = folder();
    write(dir.path(), "a/1.bmp", &bmp(1));
    write(dir.path(), "b/2.bmp", &bmp(2));
    let splits = open(dir.path(), FOLDER).unwrap();
    let recorded = "14647f0d05994adc75c6f761151b4300ab60cc976baf6a9392c77cedbb41c058";
    assert!(splits.has_fingerprint(recorded), "{}", splits.fingerprint());
    assert!(splits.has_fingerprint(splits.fingerprint()));
    assert_ne!(splits.fingerprint(), recorded);
    let reduced = open(dir.path(), &format!("{FOLDER}reduce_to = 1")).unwrap();
    assert!(
        reduced.has_fingerprint("a38ec6a4a0cd425185eddabbe71f7edd2753f9eee73fb78b6b401914aa4320e0")
            && !reduced.has_fingerprint(recorded)
    );
    write(dir.path(), "b/3.bmp", &bmp(3));
    assert!(!open(dir.path(), FOLDER).unwrap().has_fingerprint(recorded));
}

/// A grey BMP file of 2x2 pixels, made by hand so that its size never changes.
fn bmp(value: u8) -> Vec<u8> {
    let numbers = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>();
    let head = [b"BM".to_vec(), numbers(&[70, 0, 54, 40, 2, 2]), vec![1, 0, 24, 0]].concat();
    let pixels = [[value; 6].to_vec(), vec![0; 2]].concat().repeat(2);
    [head, numbers(&[0, 16, 0, 0, 0, 0]), pixels].concat()
}

#[test]
fn files_that_are_kept_in_memory_are_covered_to_the_last_byte() {
    let dir = folder();
    write_idx(dir.path(), 7);
    let before = fingerprint(&dir, IDX);
    touch(&dir, "images", 1);
    let after = fingerprint(&dir, IDX);
    assert_ne!(before, after);
    touch(&dir, "labels", 1);
    assert_ne!(after, fingerprint(&dir, IDX));
}
