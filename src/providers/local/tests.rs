//! The local store on real files: made, changed by many at once, killed while writing, tampered with.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;
use crate::domain::reference::{Kind, ProviderKind};
use crate::domain::secret::Payload;
use secrecy::ExposeSecret as _;

/// A store in a folder of its own.
fn store_in(folder: &Path) -> LocalStore {
    LocalStore::new(&config(&[]), &world(folder, &[]))
}

fn world(folder: &Path, env: &[(&str, &Path)]) -> World {
    let env = env
        .iter()
        .map(|(name, path)| ((*name).to_owned(), OsString::from(path)))
        .collect();
    World {
        env: Arc::new(env),
        home: Some(folder.join("home")),
        data_folder: folder.join("data"),
        state_folder: folder.join("state"),
        runtime_folder: folder.join("runtime"),
    }
}

fn config(settings: &[(&str, &str)]) -> ProviderConfig {
    let settings = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Setting::Text((*value).to_owned())));
    ProviderConfig {
        name: "local".to_owned(),
        kind: ProviderKind::Local,
        settings: settings.collect(),
        at: None,
        broken: None,
    }
}

fn id(path: &str) -> SecretId {
    SecretId {
        provider: "local".to_owned(),
        kind: Kind::Of(ProviderKind::Local),
        path: path.to_owned(),
        pin: None,
    }
}

fn value(text: &str) -> SecretValue {
    SecretValue::from_text(text.to_owned())
}

fn passphrase(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What a value is: the only way to it from here.
fn text(payload: &Payload, key: &str) -> String {
    payload
        .pick(Some(key))
        .unwrap()
        .into_credential()
        .unwrap()
        .expose_secret()
        .to_owned()
}

#[tokio::test]
async fn the_first_value_makes_folder_key_and_store() {
    let home = tempfile::tempdir().unwrap();
    let store = store_in(home.path());
    let change = store.set("db/pg", "password", value("one")).unwrap();
    assert!(change.created);
    assert_eq!(mode(&home.path().join("data")), 0o700);
    assert_eq!(mode(store.path()), 0o600);
    assert_eq!(mode(store.key_file()), 0o600);

    let change = store.set("db/pg", "password", value("two")).unwrap();
    assert_eq!((change.created, change.version), (false, Some(2)));
    store.set("db/pg", "username", value("app")).unwrap();
    let fetched = store_in(home.path()).fetch(&id("db/pg")).await.unwrap();
    assert_eq!(fetched.version.as_deref(), Some("3"));
    assert!(fetched.changed.is_some());
    assert_eq!(text(&fetched.payload, "password"), "two");
    assert_eq!(text(&fetched.payload, "username"), "app");

    let inspected = store.inspect(&id("db/pg"), &["password"]).await.unwrap();
    assert_eq!(inspected.keys.unwrap(), ["password", "username"]);
    assert_eq!(
        inspected.warnings["password"],
        "the value is shorter than 4 characters and cannot be masked on the screen"
    );
    assert_eq!(store.probe().await.state, State::Ok);

    store.remove("db/pg", Some("username")).unwrap();
    assert_eq!(store.remove("db/pg", None).unwrap().version, None);
    assert!(store.list().unwrap().is_empty());
}

#[tokio::test]
async fn nothing_stored_yet_says_what_to_type() {
    let home = tempfile::tempdir().unwrap();
    let store = store_in(home.path());
    let problem = store.fetch(&id("db/pg")).await.err().unwrap();
    assert_eq!(problem.code.id, "E-LOCAL-MISSING");
    assert!(
        problem.fixes[0].starts_with("hallpass secret set db/pg#KEY"),
        "{problem}"
    );
    let status = store.probe().await;
    assert_eq!(status.state, State::Fail);
    assert_eq!(
        status.stages.iter().map(|s| s.state).collect::<Vec<_>>(),
        [State::Fail, State::Skipped, State::Skipped]
    );
    assert_eq!(store.remove("db/pg", None).unwrap_err().code.id, "E-LOCAL-MISSING");
    assert!(store.list().unwrap().is_empty());
    assert!(!home.path().join("data").exists(), "asking makes nothing");
}

#[tokio::test]
async fn wrong_names_suggest_right_ones() {
    let home = tempfile::tempdir().unwrap();
    let store = store_in(home.path());
    store.set("db/orders", "password", value("x")).unwrap();
    let problem = store.fetch(&id("db/ordres")).await.err().unwrap();
    assert_eq!(problem.similar, ["db/orders"]);
    let problem = store.remove("db/orders", Some("pasword")).unwrap_err();
    assert_eq!(
        (problem.code.id, problem.similar),
        ("E-REF-KEY-MISSING", vec!["password".to_owned()])
    );
    let pinned = SecretId {
        pin: Some(Pin::Version("7".into())),
        ..id("db/orders")
    };
    assert_eq!(store.fetch(&pinned).await.err().unwrap().code.id, "E-LOCAL-VERSION");
    let all = store.fetch_all(&[id("db/orders"), id("nothing")]).await;
    assert!(all[0].is_ok() && all[1].is_err());
}

#[test]
fn configuration_wins_over_environment_over_data_folder() {
    let home = Path::new("/nowhere");
    let env = [
        ("HALLPASS_STORE", Path::new("/e/s.age")),
        ("HALLPASS_STORE_KEY_FILE", Path::new("/e/s.key")),
    ];
    let paths = |store: &LocalStore| format!("{} {}", store.path().display(), store.key_file().display());
    assert_eq!(
        paths(&store_in(home)),
        "/nowhere/data/store.age /nowhere/data/store.key"
    );
    assert_eq!(
        paths(&LocalStore::new(&config(&[]), &world(home, &env))),
        "/e/s.age /e/s.key"
    );
    let own = config(&[("path", "~/team.age"), ("key_file", "/c/k")]);
    assert_eq!(
        paths(&LocalStore::new(&own, &world(home, &env))),
        "/nowhere/home/team.age /c/k"
    );
    // A store at a place of its own has its key beside it.
    let own = config(&[("path", "/c/team.age")]);
    assert_eq!(
        paths(&LocalStore::new(&own, &world(home, &[]))),
        "/c/team.age /c/team.key"
    );
    let env = [("HALLPASS_STORE", Path::new("/e/pw.key"))];
    assert_eq!(
        paths(&LocalStore::new(&config(&[]), &world(home, &env))),
        "/e/pw.key /e/pw.key.key"
    );
    let other = ProviderConfig {
        name: "team".to_owned(),
        ..config(&[])
    };
    assert_eq!(
        paths(&LocalStore::new(&other, &world(home, &env))),
        "/nowhere/data/store.age /nowhere/data/store.key"
    );
}

/// Such a store had its key in the data folder: it goes on opening, and a new one does not share that key.
#[test]
fn a_store_elsewhere_opens_with_the_key_that_it_was_made_with() {
    let home = tempfile::tempdir().unwrap();
    store_in(home.path()).set("a", "k", value("the default one")).unwrap();
    let at = |name: &str| {
        let path = home.path().join(name);
        LocalStore::new(&config(&[("path", path.to_str().unwrap())]), &world(home.path(), &[]))
    };
    fs::copy(home.path().join("data/store.age"), home.path().join("old.age")).unwrap();
    let old = at("old.age");
    assert_eq!(old.key_file(), home.path().join("data/store.key"));
    old.set("b", "k", value("x")).unwrap();
    assert_eq!(old.list().unwrap().len(), 2);

    let new = at("new.age");
    new.create_with_passphrase(passphrase("correct horse")).unwrap();
    assert_eq!(new.key_file(), home.path().join("new.key"));
    let said = new.may_be_made().unwrap_err().what;
    assert!(said.contains("new.key is") && said.contains("not there yet"), "{said}");
    let said = old.may_be_made().unwrap_err().what;
    assert!(
        said.contains("keeps its key") && said.contains("data/store.key"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_removed_is_not_to_be_written() {
    let home = tempfile::tempdir().unwrap();
    let store = LocalStore {
        name: "team".to_owned(),
        ..store_in(home.path())
    };
    let gone = |path, key| store.remove(path, key).unwrap_err();
    assert_eq!(gone("a", Some("b")).fixes, ["hallpass paths"]);
    store.set("a", "k", value("x")).unwrap();
    for (path, key) in [("nosuch", None), ("a", Some("nosuch"))] {
        assert_eq!(gone(path, key).fixes, ["hallpass secret --provider team list"]);
    }
    assert_eq!(gone("a", Some("nosuch")).causes, ["its keys are: k"]);
}

#[test]
fn a_key_file_that_others_can_read_is_refused_with_the_command() {
    let home = tempfile::tempdir().unwrap();
    let store = store_in(home.path());
    store.set("a", "k", value("x")).unwrap();
    for lax in [0o640, 0o604, 0o620, 0o666] {
        fs::set_permissions(store.key_file(), fs::Permissions::from_mode(lax)).unwrap();
        let problem = store_in(home.path()).list().unwrap_err();
        assert_eq!(problem.code.id, "E-CONFIG-INSECURE-MODE");
        assert_eq!(problem.fixes, [format!("chmod 600 {}", store.key_file().display())]);
    }
    fs::set_permissions(store.key_file(), fs::Permissions::from_mode(0o400)).unwrap();
    assert!(store.list().is_ok());
    fs::set_permissions(home.path().join("data"), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(store.list().unwrap_err().code.id, "E-CONFIG-INSECURE-MODE");
}

#[test]
fn a_store_or_key_that_is_a_pipe_is_not_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let store = store_in(home.path());
    store.set("a", "k", value("x")).unwrap();
    for file in [store.key_file(), store.path()] {
        fs::remove_file(file).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, file, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert_eq!(store.list().unwrap_err().code.id, "E-LOCAL-READ");
    }
}

#[test]
fn a_lost_or_foreign_key_has_its_own_words_and_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let store = store_in(home.path());
    store.set("a", "k", value("x")).unwrap();
    let before = fs::read(store.path()).unwrap();
    let key = fs::read(store.key_file()).unwrap();

    fs::remove_file(store.key_file()).unwrap();
    assert_eq!(store.set("a", "k", value("y")).unwrap_err().code.id, "E-LOCAL-NO-KEY");
    assert!(!store.key_file().exists(), "a new key would only hide the loss");
    files::replace(store.key_file(), &StoreKey::generate().to_file()).unwrap();
    assert_eq!(store.set("a", "k", value("y")).unwrap_err().code.id, "E-LOCAL-CORRUPT");
    files::replace(store.key_file(), b"not a key").unwrap();
    assert_eq!(store.list().unwrap_err().code.id, "E-LOCAL-CORRUPT");
    assert_eq!(fs::read(store.path()).unwrap(), before);

    files::replace(store.key_file(), &key).unwrap();
    assert_eq!(store.list().unwrap().len(), 1);
}

#[tokio::test]
async fn a_passphrase_is_asked_for_once_and_never_by_the_provider() {
    let home = tempfile::tempdir().unwrap();
    let store = store_in(home.path());
    store.create_with_passphrase(passphrase("correct horse")).unwrap();
    store.set("a", "k", value("secret value")).unwrap();
    assert_eq!(mode(store.key_file()), 0o600);
    assert!(store.create_with_passphrase(passphrase("again")).is_err());

    let fresh = store_in(home.path());
    assert_eq!(fresh.fetch(&id("a")).await.err().unwrap().code.id, "E-LOCAL-LOCKED");
    assert_eq!(fresh.set("a", "k", value("y")).unwrap_err().code.id, "E-LOCAL-LOCKED");
    assert_eq!(
        fresh.unlock(passphrase("wrong")).await.unwrap_err().code.id,
        "E-LOCAL-PASSPHRASE"
    );
    let status = fresh.probe().await;
    assert_eq!(status.problem.unwrap().code.id, "E-LOCAL-LOCKED");
    assert_eq!(status.stages[1].state, State::Fail);
    fresh.unlock(passphrase("correct horse")).await.unwrap();
    assert_eq!(text(&fresh.fetch(&id("a")).await.unwrap().payload, "k"), "secret value");
    assert_eq!(fresh.probe().await.auth.as_deref(), Some("passphrase"));
    assert_eq!(
        fresh.clone().set("a", "k", value("new value")).unwrap().version,
        Some(2)
    );
}

#[test]
fn a_store_cut_anywhere_is_an_error_that_says_so() {
    let home = tempfile::tempdir().unwrap();
    let store = store_in(home.path());
    store.set("a", "k", value("CANARY")).unwrap();
    let whole = fs::read(store.path()).unwrap();
    for length in 0..whole.len() {
        fs::write(store.path(), &whole[..length]).unwrap();
        let problem = store.list().unwrap_err();
        assert_eq!(problem.code.id, "E-LOCAL-CORRUPT");
        assert!(!problem.to_string().contains("CANARY"));
    }
    fs::write(store.path(), vec![0; (16 << 20) + 1]).unwrap();
    assert_eq!(store.list().unwrap_err().code.id, "E-LOCAL-CORRUPT");
}

#[test]
fn what_a_killed_writer_left_is_ignored_and_swept() {
    let home = tempfile::tempdir().unwrap();
    let store = store_in(home.path());
    store.set("a", "k", value("one")).unwrap();
    let whole = fs::read(store.path()).unwrap();
    for length in [0, 1, whole.len() / 2, whole.len()] {
        fs::write(
            home.path().join(format!("data/.store.age.new-{length}")),
            &whole[..length],
        )
        .unwrap();
    }
    assert_eq!(store.list().unwrap()[0].version, 1);
    store.set("a", "k", value("two")).unwrap();
    let mut names: Vec<_> = fs::read_dir(home.path().join("data"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["store.age", "store.age.lock", "store.key"]);
}

#[test]
fn a_store_behind_a_symbolic_link_stays_where_it_is() {
    let home = tempfile::tempdir().unwrap();
    let real = home.path().join("elsewhere.age");
    let store = store_in(home.path());
    store.set("a", "k", value("one")).unwrap();
    fs::rename(store.path(), &real).unwrap();
    std::os::unix::fs::symlink(&real, store.path()).unwrap();
    store.set("a", "k", value("two")).unwrap();
    assert!(store.path().is_symlink());
    assert_eq!(store.list().unwrap()[0].version, 2);
}

#[test]
fn many_writers_lose_nothing() {
    let home = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let store = store_in(home.path());
            scope.spawn(move || {
                for n in 0..10 {
                    store.set("shared", &format!("key-{writer}-{n}"), value("x")).unwrap();
                }
            });
        }
    });
    let entries = store_in(home.path()).list().unwrap();
    assert_eq!(entries[0].version, 80);
    assert_eq!(entries[0].keys.len(), 80);
}

#[test]
fn an_unwritable_folder_is_a_problem_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("data"), "a file where the folder must be").unwrap();
    let problem = store_in(home.path()).set("a", "k", value("x")).unwrap_err();
    assert_eq!(problem.code.id, "E-LOCAL-WRITE");
}

/// Tells the process that [`a_killed_writer_loses_nothing_it_acknowledged`] starts what to do.
const WRITER_FOLDER: &str = "HALLPASS_TEST_WRITER_FOLDER";

#[test]
#[ignore = "the process that a_killed_writer_loses_nothing_it_acknowledged kills"]
fn writes_until_killed() {
    let folder = PathBuf::from(std::env::var_os(WRITER_FOLDER).expect("started by the other test only"));
    let store = store_in(&folder);
    for _ in 0..100_000 {
        let change = store.set("a", "k", value("some value")).unwrap();
        fs::write(folder.join("acknowledged"), change.version.unwrap().to_string()).unwrap();
    }
}

#[test]
fn a_killed_writer_loses_nothing_it_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let acknowledged = home.path().join("acknowledged");
    for round in 0_u64..12 {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "providers::local::tests::writes_until_killed"])
            .env(WRITER_FOLDER, home.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let before = fs::read(&acknowledged).unwrap_or_default();
        while fs::read(&acknowledged).unwrap_or_default() == before {
            assert!(Instant::now() < deadline, "the writer writes nothing");
            std::thread::sleep(Duration::from_millis(1));
        }
        // Another moment within a write each round.
        std::thread::sleep(Duration::from_micros(round * 731 % 9000));
        writer.kill().unwrap();
        writer.wait().unwrap();

        let version = store_in(home.path()).list().unwrap()[0].version;
        // Killed between truncating and writing this note, it may be empty: it is no part of the store.
        if let Ok(known) = fs::read_to_string(&acknowledged).unwrap().parse::<u64>() {
            assert!(version == known || version == known + 1, "{version} after {known}");
        }
        store_in(home.path())
            .set("a", "k", value("the lock went with the process"))
            .unwrap();
    }
}
