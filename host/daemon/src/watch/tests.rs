//! What people, editors and orchestrators do to a policy directory, and what is delivered.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::{Look, Watch, scan, start};

/// Far longer than anything needs; reached only when something is broken.
const LONG: Duration = Duration::from_secs(20);

struct Bench {
    // Fields drop in this order: the watch ends before its directory goes.
    _watch: Watch,
    looks: Receiver<Look>,
    dir: PathBuf,
    root: tempfile::TempDir,
}

/// Watches `policies` with one file. The scan is an hour away, so only events can be the cause.
fn bench(poll: Duration) -> Bench {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("policies");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("p.rhai"), "one").unwrap();
    let (watch, looks) = start(&dir, poll).unwrap();
    let bench = Bench { _watch: watch, looks, dir, root };
    assert_eq!(bench.next(), "p.rhai=one");
    bench
}

impl Bench {
    fn next(&self) -> String {
        show(&self.looks.recv_timeout(LONG).expect("a look"))
    }

    /// Puts another directory into the place of this one.
    fn replace_directory(&self, text: &str) {
        let (fresh, old) = (self.root.path().join("fresh"), self.root.path().join("old"));
        fs::create_dir(&fresh).unwrap();
        fs::write(fresh.join("p.rhai"), text).unwrap();
        fs::rename(&self.dir, &old).unwrap();
        fs::rename(&fresh, &self.dir).unwrap();
    }

    /// The next look at a directory: between two renames it is missing, which may be seen or not.
    fn next_there(&self) -> String {
        let first = self.next();
        if first == "nothing" { self.next() } else { first }
    }
}

fn show(look: &Look) -> String {
    let Ok(snapshot) = look else { return "nothing".to_owned() };
    let files: Vec<_> =
        snapshot.files.iter().map(|(name, text)| format!("{name}={text}")).collect();
    files.join(" ")
}

fn by_events() -> Bench {
    bench(Duration::from_secs(3_600))
}

#[test]
fn a_write_in_chunks_is_delivered_once_and_whole() {
    let bench = by_events();
    let mut file = fs::File::create(bench.dir.join("p.rhai")).unwrap();
    for chunk in ["two ", "three ", "four"] {
        file.write_all(chunk.as_bytes()).unwrap();
        // Longer than the quiet time: only the open file holds the read back.
        std::thread::sleep(Duration::from_millis(300));
    }
    drop(file);
    assert_eq!(bench.next(), "p.rhai=two three four");
}

#[test]
fn a_rename_over_the_file_is_delivered() {
    let bench = by_events();
    fs::write(bench.dir.join(".p.rhai.tmp"), "two").unwrap();
    fs::rename(bench.dir.join(".p.rhai.tmp"), bench.dir.join("p.rhai")).unwrap();
    assert_eq!(bench.next(), "p.rhai=two");
}

#[test]
fn two_changes_that_nobody_took_leave_the_newest() {
    let slot = super::Slot::new();
    for text in ["one", "two", "three"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("p.rhai"), text).unwrap();
        slot.put(scan(dir.path()).map(std::sync::Arc::new));
    }
    assert_eq!(show(&slot.taken.try_recv().unwrap()), "p.rhai=three");
    assert!(slot.taken.is_empty());
}

#[test]
fn a_config_map_swap_is_delivered() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("policies");
    for (version, text) in [("..v1", "one"), ("..v2", "two")] {
        fs::create_dir_all(dir.join(version)).unwrap();
        fs::write(dir.join(version).join("p.rhai"), text).unwrap();
    }
    symlink("..v1", dir.join("..data")).unwrap();
    symlink("..data/p.rhai", dir.join("p.rhai")).unwrap();
    let (watch, looks) = start(&dir, Duration::from_secs(3_600)).unwrap();
    let bench = Bench { _watch: watch, looks, dir, root };
    assert_eq!(bench.next(), "p.rhai=one");
    symlink("..v2", bench.dir.join("..data_tmp")).unwrap();
    fs::rename(bench.dir.join("..data_tmp"), bench.dir.join("..data")).unwrap();
    assert_eq!(bench.next(), "p.rhai=two");
}

#[test]
fn a_replaced_directory_is_delivered_and_so_are_later_writes_to_it() {
    let bench = by_events();
    bench.replace_directory("two");
    assert_eq!(bench.next_there(), "p.rhai=two");
    fs::write(bench.dir.join("p.rhai"), "three").unwrap();
    assert_eq!(bench.next(), "p.rhai=three");
}

/// A look takes from the end of the quiet time to a hundred milliseconds later; whenever the other
/// directory comes, what is written to it later is heard.
#[test]
fn a_directory_replaced_while_it_is_looked_at_is_watched_from_then_on() {
    for pause in [150, 210, 230, 250, 270, 290, 350] {
        let bench = by_events();
        fs::write(bench.dir.join("p.rhai"), "two").unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        bench.replace_directory("three");
        while bench.next() != "p.rhai=three" {}
        fs::write(bench.dir.join("p.rhai"), "four").unwrap();
        assert_eq!(bench.next(), "p.rhai=four", "{pause} ms");
    }
}

#[test]
fn a_deleted_file_is_gone_and_a_deleted_directory_is_reported() {
    let bench = by_events();
    fs::write(bench.dir.join("q.rhai"), "x").unwrap();
    assert_eq!(bench.next(), "p.rhai=one q.rhai=x");
    fs::remove_file(bench.dir.join("q.rhai")).unwrap();
    assert_eq!(bench.next(), "p.rhai=one");
    fs::rename(&bench.dir, bench.root.path().join("away")).unwrap();
    assert_eq!(bench.next(), "nothing");
    fs::rename(bench.root.path().join("away"), &bench.dir).unwrap();
    assert_eq!(bench.next(), "p.rhai=one");
}

#[test]
fn libraries_count_and_everything_else_does_not() {
    let bench = by_events();
    fs::create_dir(bench.dir.join("lib")).unwrap();
    fs::write(bench.dir.join("lib/risk.rhai"), "r").unwrap();
    assert_eq!(bench.next(), "lib/risk.rhai=r p.rhai=one");
    let before = scan(&bench.dir).unwrap().digest;
    for other in ["notes.txt", ".p.rhai.swp", ".rhai", "p.rhai~", ".hidden.rhai"] {
        fs::write(bench.dir.join(other), "x").unwrap();
    }
    fs::create_dir(bench.dir.join("dir.rhai")).unwrap();
    assert_eq!(scan(&bench.dir).unwrap().digest, before);
}

#[test]
fn the_scan_finds_what_no_event_told() {
    // The file lies outside of the directory behind a link: changing it makes no event inside.
    let root = tempfile::tempdir().unwrap();
    let (dir, outside) = (root.path().join("policies"), tempfile::tempdir().unwrap());
    fs::create_dir(&dir).unwrap();
    let target = outside.path().join("p.txt");
    fs::write(&target, "one").unwrap();
    symlink(&target, dir.join("p.rhai")).unwrap();
    let (_watch, looks) = start(&dir, Duration::from_millis(100)).unwrap();
    assert_eq!(show(&looks.recv_timeout(LONG).unwrap()), "p.rhai=one");
    fs::write(&target, "two").unwrap();
    assert_eq!(show(&looks.recv_timeout(LONG).unwrap()), "p.rhai=two");
}

#[test]
fn two_files_of_one_change_are_delivered_together_though_a_scan_falls_between_them() {
    let bench = bench(Duration::from_millis(20));
    fs::write(bench.dir.join("q.rhai"), "one").unwrap();
    assert_eq!(bench.next(), "p.rhai=one q.rhai=one");
    let mut rounds = 0;
    for version in 1.. {
        let version = version.to_string();
        let began = std::time::Instant::now();
        fs::write(bench.dir.join("p.rhai"), &version).unwrap();
        // Longer than two reads are apart, shorter than the quiet time.
        std::thread::sleep(Duration::from_millis(130));
        fs::write(bench.dir.join("q.rhai"), &version).unwrap();
        let together = format!("p.rhai={version} q.rhai={version}");
        // On a busy machine the second write may come too late to be of the same change.
        if began.elapsed() < Duration::from_millis(180) {
            rounds += 1;
            assert_eq!(bench.next(), together);
        } else {
            while bench.next() != together {}
        }
        if rounds == 8 {
            break;
        }
    }
}

/// The pauses that are long enough for quiet and too short for two reads starved it once.
#[test]
fn a_directory_that_is_never_quiet_is_read_all_the_same() {
    for pause in [30, 230] {
        let bench = by_events();
        let (stop, stopped) = crossbeam_channel::bounded::<()>(0);
        let noisy = bench.dir.join("notes.txt");
        let writer = std::thread::spawn(move || {
            let pause = Duration::from_millis(pause);
            while stopped.recv_timeout(pause).is_err_and(|e| e.is_timeout()) {
                fs::write(&noisy, "x").unwrap();
            }
        });
        fs::write(bench.dir.join("p.rhai"), "two").unwrap();
        assert_eq!(bench.next(), "p.rhai=two", "{pause} ms");
        drop(stop);
        writer.join().unwrap();
    }
}

#[test]
fn the_digest_tells_names_from_contents() {
    let digest = |files: &[(&str, &str)]| {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        scan(dir.path()).unwrap().digest
    };
    let all = [
        digest(&[]),
        digest(&[("a.rhai", "x")]),
        digest(&[("b.rhai", "x")]),
        digest(&[("a.rhai", "y")]),
        digest(&[("a.rhai", "x"), ("b.rhai", "")]),
    ];
    for (i, one) in all.iter().enumerate() {
        assert!(all.iter().skip(i + 1).all(|other| other != one));
    }
    assert_eq!(all[1], digest(&[("a.rhai", "x")]));
}

#[test]
fn what_cannot_be_a_policy_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.rhai");
    fs::write(dir.path().join("good.rhai"), "x").unwrap();
    let rows: [(Vec<u8>, usize, &str); 3] = [
        (b"// ok\n\xff\xfe".to_vec(), 6, "not UTF-8 text: see its byte 6"),
        (vec![0xff], 0, "byte 0"),
        (vec![b' '; (1 << 20) + 1], 0, "1048577 bytes"),
    ];
    for (bytes, at, words) in rows {
        fs::write(&path, bytes).unwrap();
        let found = scan(dir.path()).unwrap();
        let fault = &found.faults["p.rhai"];
        assert!(fault.at == at && fault.message.contains(words), "{fault:?}");
        assert_eq!((found.files["good.rhai"].as_str(), found.faults.len()), ("x", 1));
    }
    let one = scan(dir.path()).unwrap().digest;
    fs::write(&path, [0xfe]).unwrap();
    assert_ne!(scan(dir.path()).unwrap().digest, one, "what cannot be read has a hash, too");
    let error = scan(Path::new("/nowhere/at/all")).unwrap_err().to_string();
    assert!(error.contains("/nowhere/at/all"), "{error}");
}

/// Some editors begin UTF-8 text with a mark; the script begins behind it.
#[test]
fn a_mark_of_the_encoding_is_no_part_of_a_text() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("p.rhai"), "\u{feff}one").unwrap();
    fs::write(dir.path().join("q.rhai"), b"\xef\xbb\xbfab\xff").unwrap();
    let found = scan(dir.path()).unwrap();
    assert_eq!((found.files["p.rhai"].as_str(), found.files["q.rhai"].as_str()), ("one", "ab"));
    assert_eq!(found.faults["q.rhai"].at, 2, "counted in the text that is shown");
}
