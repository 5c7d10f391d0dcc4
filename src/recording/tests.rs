//! Recordings written, listed, sealed, pruned; what a disk does to them.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use proptest::prelude::*;

use super::cast::Size;
use super::store::{self, Begin, State};
use super::{Recorder, Tee};
use crate::domain::policy::{Record, RecordingSettings, SessionPolicy};

const SESSION: &str = "0123456789abcdef";

fn begin<'a>(folder: &Path, policy: &'a SessionPolicy, settings: &'a RecordingSettings) -> Begin<'a> {
    Begin {
        folder: folder.join("recordings"),
        session: SESSION.to_owned(),
        role: "orders".to_owned(),
        env: Some("prod".to_owned()),
        title: "PROD orders".to_owned(),
        term: Some("xterm-256color".to_owned()),
        size: Size { columns: 98, rows: 26 },
        policy,
        settings,
    }
}

fn opened(folder: &Path) -> Recorder {
    let (policy, settings) = (SessionPolicy::default(), RecordingSettings::default());
    store::open(&begin(folder, &policy, &settings)).unwrap().unwrap()
}

/// The lines without the times.
fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let event = |line: &str| match line.split_once(", ") {
        Some((_, rest)) if line.starts_with('[') => rest.trim_end_matches(']').to_owned(),
        _ => line.to_owned(),
    };
    text.lines().skip(1).map(event).collect()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_session_becomes_a_file_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let recorder = opened(home.path());
    recorder.connected();
    let mut tee = Tee::new(recorder.clone());
    tee.push(b"orders=> \xc3");
    tee.push(b"\xa9\xff\r\n");
    recorder.resize(Size { columns: 120, rows: 40 });
    tee.push(b"half \xe2\x82");
    tee.finish();
    let path = recorder.path().to_owned();
    assert_eq!(store::entry(&path).unwrap().state, State::Live);
    assert_eq!(recorder.finish(3), None);

    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with(r#"{"version": 3, "term": {"cols":98,"rows":26,"type":"xterm-256color"}, "timestamp": "#),
        "{text}"
    );
    assert!(text.contains(r#""title": "PROD orders", "hallpass": {"env":"prod","keep_s":7776000,"role":"orders","session":"0123456789abcdef"}}"#), "{text}");
    let expected = [
        r#""m", "connected""#,
        "\"o\", \"orders=> é\u{fffd}\\r\\n\"",
        r#""r", "120x40""#,
        "\"o\", \"half \u{fffd}\"",
        r#""x", "3""#,
    ];
    assert_eq!(lines(&path), expected);
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(
        name.ends_with("Z-0123456789abcdef.cast") && name.starts_with("20"),
        "{name}"
    );
}

#[test]
fn what_happened_is_on_the_disk_soon_and_before_the_end() {
    let home = tempfile::tempdir().unwrap();
    let recorder = opened(home.path());
    recorder.connected();
    Tee::new(recorder.clone()).push(b"soon");
    until("not written", || lines(recorder.path()).len() == 2);
    until("still behind", || !recorder.is_behind());
}

#[test]
fn nothing_stays_of_a_session_that_never_was() {
    let home = tempfile::tempdir().unwrap();
    let recorder = opened(home.path());
    let path = recorder.path().to_owned();
    assert!(path.exists());
    drop(recorder);
    until("not removed", || !path.exists());
}

#[test]
fn a_folder_that_others_can_read_is_closed_to_them() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("recordings");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    opened(home.path());
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn a_folder_that_cannot_be_is_said() {
    let home = tempfile::tempdir().unwrap();
    File::create(home.path().join("recordings")).unwrap();
    let (policy, settings) = (SessionPolicy::default(), RecordingSettings::default());
    let problem = store::open(&begin(home.path(), &policy, &settings)).err().unwrap();
    assert_eq!(problem.code.id, "E-REC-CREATE");
    assert!(problem.causes[0].starts_with("the system said: "), "{problem}");
}

#[test]
fn a_recording_ends_at_its_largest_size_and_says_so() {
    let home = tempfile::tempdir().unwrap();
    let settings = RecordingSettings {
        max_bytes: 2000,
        ..RecordingSettings::default()
    };
    let policy = SessionPolicy::default();
    let recorder = store::open(&begin(home.path(), &policy, &settings)).unwrap().unwrap();
    recorder.connected();
    let mut tee = Tee::new(recorder.clone());
    tee.push(b"a beginning");
    until("not written", || !recorder.is_behind());
    tee.push(&[b'x'; 3000]);
    until("no failure", || recorder.failure().is_some());
    assert_eq!(recorder.finish(0).unwrap().code.id, "E-REC-SIZE");
    let expected = [
        r#""m", "connected""#,
        r#""o", "a beginning""#,
        r#""m", "recording ended: the recording has reached its largest size""#,
    ];
    assert_eq!(lines(recorder.path()), expected);
    assert_eq!(store::entry(recorder.path()).unwrap().state, State::Cut);
}

/// A pipe that nobody reads is a disk that takes nothing: the child waits for it, but not for ever.
#[test]
fn a_disk_that_hangs_holds_nobody_up_for_long() {
    use super::cast::Header;
    use super::sink::Sink;
    let (reader, writer) = std::io::pipe().unwrap();
    let header = Header {
        size: Size { columns: 80, rows: 24 },
        timestamp: None,
        title: None,
        term: None,
        idle_time_limit: None,
        origin: None,
    };
    let file = File::from(std::os::fd::OwnedFd::from(writer));
    let sink = Sink::create(file, "pipe.cast".into(), &header, None, u64::MAX).map_err(|(code, _)| code.id);
    let recorder = Recorder::start(sink.unwrap(), Record::On, false).unwrap();
    recorder.connected();
    let mut tee = Tee::new(recorder.clone());
    let piece = vec![b'x'; 64 << 10];
    let mut pushed = 0;
    until("it takes everything", || {
        tee.push(&piece);
        pushed += piece.len();
        !recorder.has_room()
    });
    assert!((4 << 20..8 << 20).contains(&pushed), "{pushed}");
    until("it waits for ever", || recorder.has_room());
    assert_eq!(recorder.failure().unwrap().code.id, "E-REC-SLOW");
    // Nor does the end of the session.
    assert_eq!(recorder.finish(0).unwrap().code.id, "E-REC-SLOW");
    drop(reader);
}

#[test]
fn recordings_are_listed_found_and_pruned() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("recordings");
    assert_eq!(store::list(&folder).unwrap(), []);
    let (settings, mut policy) = (RecordingSettings::default(), SessionPolicy::default());
    let mut made = Vec::new();
    for (session, keep) in [("aa11", Some(1)), ("aa22", None), ("bb33", Some(90))] {
        policy.keep = keep.map(|days| Duration::from_secs(days * 86_400));
        let recorder = store::open(&Begin {
            session: session.to_owned(),
            ..begin(home.path(), &policy, &settings)
        });
        let recorder = recorder.unwrap().unwrap();
        recorder.connected();
        made.push(recorder);
    }
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    fs::write(
        folder.join("other.cast"),
        "{\"version\": 2, \"width\": 80, \"height\": 24}\n",
    )
    .unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("pipe.cast"), rustix::fs::Mode::RUSR).unwrap();
    assert_eq!(made[0].finish(0), None);
    assert_eq!(made[1].finish(7), None);
    let sessions = |entries: &[store::Entry]| entries.iter().map(|entry| entry.session.clone()).collect::<Vec<_>>();
    let listed = store::list(&folder).unwrap();
    let mut names = sessions(&listed);
    names.sort();
    assert_eq!(names, ["aa11", "aa22", "bb33"]);

    let state = |session| store::find(&folder, session).unwrap().state;
    assert_eq!(
        [state("aa11"), state("aa22"), state("bb33")],
        [State::Ended(0), State::Ended(7), State::Live]
    );
    assert_eq!(store::find(&folder, "b").unwrap().session, "bb33");
    let problem = store::find(&folder, "aa").unwrap_err();
    assert_eq!((problem.code.id, problem.similar.len()), ("E-REC-UNKNOWN", 2));
    assert_eq!(store::find(&folder, "bb34").unwrap_err().similar, ["bb33"]);

    // All of them were written two days ago.
    for recorder in &made {
        let file = File::options().append(true).open(recorder.path()).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(2 * 86_400))
            .unwrap();
    }
    let (removed, kept) = store::prune(&folder, None).unwrap();
    assert_eq!((sessions(&removed), kept), (vec!["aa11".to_owned()], vec![]));
    // Nor does one that is asked for take one that is being written.
    let (removed, _) = store::prune(&folder, Some(Duration::from_secs(1))).unwrap();
    assert_eq!(sessions(&removed), ["aa22"]);
    assert_eq!(sessions(&store::list(&folder).unwrap()), ["bb33"]);
    assert!(folder.join("notes.txt").exists() && folder.join("other.cast").exists());
}

#[test]
fn a_new_recording_removes_those_whose_time_is_over() {
    let home = tempfile::tempdir().unwrap();
    let recorder = opened(home.path());
    recorder.connected();
    assert_eq!(recorder.finish(0), None);
    let old = recorder.path().with_file_name("20200101T000000Z-00000000.cast");
    fs::rename(recorder.path(), &old).unwrap();
    let file = File::options().append(true).open(&old).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(91 * 86_400))
        .unwrap();
    let _next = opened(home.path());
    until("not removed", || !old.exists());
}

#[cfg(feature = "local")]
#[test]
fn a_sealed_recording_is_its_recipients_to_read() {
    use age::secrecy::ExposeSecret as _;

    use super::seal::{Closed, Identities, SEALED};
    let home = tempfile::tempdir().unwrap();
    let identity = age::x25519::Identity::generate();
    let file = home.path().join("key.txt");
    fs::write(&file, format!("# mine\n{}\n", identity.to_string().expose_secret())).unwrap();
    let settings = RecordingSettings {
        recipients: vec![
            age::x25519::Identity::generate().to_public().to_string(),
            identity.to_public().to_string(),
        ],
        ..RecordingSettings::default()
    };
    let policy = SessionPolicy::default();
    let recorder = store::open(&begin(home.path(), &policy, &settings)).unwrap().unwrap();
    recorder.connected();
    let mut tee = Tee::new(recorder.clone());
    tee.push(b"first");
    until("not written", || !recorder.is_behind());
    tee.push(b"second");
    let path = recorder.path().to_owned();
    assert_eq!(recorder.finish(0), None);

    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains("first") && !text.contains("connected"), "{text}");
    let sealed: Vec<&str> = text.lines().filter(|line| line.starts_with(SEALED)).collect();
    assert_eq!((sealed.len(), text.lines().count()), (2, 4), "{text}");
    let entry = store::entry(&path).unwrap();
    assert!(entry.sealed && entry.state == State::Ended(0), "{entry:?}");

    let identities = Identities::read(&file).unwrap();
    let open: Vec<String> = sealed.iter().map(|line| identities.open(line).unwrap()).collect();
    assert!(
        open[0].contains("\"o\", \"first\"") && open[1].contains("\"o\", \"second\""),
        "{open:?}"
    );
    assert_eq!(identities.open(&sealed[0][..sealed[0].len() / 2]), Err(Closed::Damaged));
    fs::write(&file, age::x25519::Identity::generate().to_string().expose_secret()).unwrap();
    assert_eq!(Identities::read(&file).unwrap().open(sealed[0]), Err(Closed::NoKey));
    fs::write(&file, "no key").unwrap();
    assert_eq!(Identities::read(&file).err().unwrap().code.id, "E-REC-IDENTITY");
}

/// What could not be opened is counted, and only a key that fits nothing is the wrong one.
#[cfg(feature = "local")]
#[test]
fn damaged_batches_of_a_sealed_recording_are_said() {
    use age::secrecy::ExposeSecret as _;

    use super::read::Reader;
    use super::seal::{Identities, Recipients};
    use super::source;
    use crate::domain::problem::Problem;
    let home = tempfile::tempdir().unwrap();
    let identity = age::x25519::Identity::generate();
    let key = home.path().join("key.txt");
    fs::write(&key, identity.to_string().expose_secret()).unwrap();
    let recipients = Recipients::parse(&[identity.to_public().to_string()]).unwrap().unwrap();
    let strangers = [age::x25519::Identity::generate().to_public().to_string()];
    let strangers = Recipients::parse(&strangers).unwrap().unwrap();
    let batch = |text: &str| {
        recipients
            .seal(format!("[0.1, \"o\", \"{text}\"]\n").as_bytes())
            .unwrap()
    };
    let torn = |text: &str| batch(text)[..200].to_owned();
    let broken = |text: &str| torn(text) + "\n";
    let exit = "[0.1, \"x\", \"0\"]\n".to_owned();
    let read = |lines: &[String]| {
        let file = home.path().join("one.cast");
        let header = "{\"version\":3,\"term\":{\"cols\":80,\"rows\":24}}\n".to_owned();
        fs::write(&file, header + &lines.concat()).unwrap();
        let identities = Identities::read(&key).unwrap();
        let mut reader = Reader::open(source(&file, Some(identities))?, "one.cast")?;
        let events = reader.by_ref().count();
        Ok::<_, Problem>((events, reader.unread().sealed, reader.unread().lines))
    };
    assert_eq!(read(&[batch("a"), batch("b"), exit.clone()]).unwrap(), (3, 0, 0));
    assert_eq!(read(&[broken("a"), batch("b"), exit.clone()]).unwrap(), (2, 1, 0));
    assert_eq!(
        read(&[batch("a"), broken("b"), batch("c"), torn("d")]).unwrap(),
        (2, 2, 0)
    );
    assert_eq!(read(&[broken("a"), broken("b"), exit.clone()]).unwrap(), (1, 2, 0));
    let endless = format!("# age {}\n", "A".repeat(65 << 20));
    assert_eq!(read(&[batch("a"), endless, batch("b")]).unwrap(), (2, 1, 0));
    let flipped = batch("a").replacen("YWdl", "ZWdl", 1);
    assert_ne!(flipped, batch("a"));
    assert_eq!(read(&[flipped, batch("b"), exit.clone()]).unwrap(), (2, 1, 0));
    let theirs = strangers.seal(b"[0.1, \"o\", \"a\"]\n").unwrap();
    assert_eq!(read(&[batch("a"), theirs.clone(), exit.clone()]).unwrap(), (2, 1, 0));
    let first = vec![theirs.clone(), batch("b"), exit.clone()];
    assert_eq!(read(&first).unwrap(), (2, 1, 0), "the first says nothing of the others");
    for lines in [vec![theirs.clone(), exit.clone()], vec![theirs.clone(), theirs, exit]] {
        assert_eq!(read(&lines).unwrap_err().code.id, "E-REC-IDENTITY");
    }
}

#[test]
fn a_recording_that_cannot_be_sealed_is_not_written() {
    let home = tempfile::tempdir().unwrap();
    let settings = RecordingSettings {
        recipients: vec!["age1nobody".to_owned()],
        ..RecordingSettings::default()
    };
    let policy = SessionPolicy {
        record: Record::Required,
        ..SessionPolicy::default()
    };
    assert!(store::open(&begin(home.path(), &policy, &settings)).is_err());
    assert!(!home.path().join("recordings").exists());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// However the bytes are cut, the texts of the events put together are what the whole would have been.
    #[test]
    fn characters_are_never_cut(text in "\\PC{0,40}", junk in prop::collection::vec(any::<u8>(), 0..8), cuts in prop::collection::vec(0usize..200, 0..8)) {
        let home = tempfile::tempdir().unwrap();
        let recorder = opened(home.path());
        recorder.connected();
        let whole = [text.as_bytes(), &junk, text.as_bytes()].concat();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(whole.len())).chain([0, whole.len()]).collect();
        cuts.sort_unstable();
        let mut tee = Tee::new(recorder.clone());
        for pair in cuts.windows(2) {
            tee.push(&whole[pair[0]..pair[1]]);
        }
        tee.finish();
        prop_assert_eq!(recorder.finish(0), None);
        let file = fs::read_to_string(recorder.path()).unwrap();
        let events = file.lines().skip(1).map(|line| serde_json::from_str::<(f64, String, String)>(line).unwrap());
        let played: String = events.filter(|event| event.1 == "o").map(|event| event.2).collect();
        prop_assert_eq!(played, String::from_utf8_lossy(&whole));
    }
}
