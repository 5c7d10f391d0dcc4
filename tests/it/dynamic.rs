//! Credentials that Vault makes for one session: users of real databases that come with a session and go with it, whatever way it ends.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::canary::Canary;
use crate::databases::open_role;
use crate::sandbox::{Outcome, Sandbox, eventually};
use crate::servers::{servers, unique};
use crate::tmux::Tmux;

/// A kind of database: how Vault makes a user in it, how a role names it, how it is asked who is there.
struct Database {
    kind: &'static str,
    connector: &'static str,
    make: &'static [&'static str],
    drop: &'static [&'static str],
    user_field: &'static str,
    password_field: &'static str,
    fields: fn() -> String,
    /// A shell's words that print who is logged in.
    who: fn() -> String,
    /// Every user whose name holds this.
    users: fn(&str) -> Vec<String>,
    prompt: fn() -> String,
    question: &'static str,
}

fn holding(names: &str, part: &str) -> Vec<String> {
    let names = names.lines().map(|line| line.trim().to_owned());
    names.filter(|name| name.to_lowercase().contains(part)).collect()
}

const POSTGRES: Database = Database {
    kind: "postgres",
    connector: "postgres",
    make: &["CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}'"],
    drop: &[],
    user_field: "PGUSER",
    password_field: "PGPASSWORD",
    fields: || {
        let port = &servers().pg_port;
        format!("PGHOST = '127.0.0.1'\nPGPORT = '{port}'\nPGDATABASE = 'postgres'\n")
    },
    who: || "psql -XAtw -c 'select current_user'".to_owned(),
    users: |part| holding(&servers().postgres("select rolname from pg_roles"), part),
    prompt: || "postgres=>".into(),
    question: "select 'am ' || current_user;",
};

const MARIADB: Database = Database {
    kind: "mariadb",
    connector: "mysql",
    make: &[
        "CREATE USER '{{name}}'@'127.0.0.1' IDENTIFIED BY '{{password}}'",
        "GRANT SELECT ON app.* TO '{{name}}'@'127.0.0.1'",
    ],
    drop: &["DROP USER '{{name}}'@'127.0.0.1'"],
    user_field: "MYSQL_USER",
    password_field: "MYSQL_PWD",
    fields: || {
        let port = &servers().mysql_port;
        format!("MYSQL_HOST = '127.0.0.1'\nMYSQL_TCP_PORT = '{port}'\nMYSQL_DATABASE = 'app'\n")
    },
    who: || {
        // Through connect the connector hands the user over; a bare mysql must be told.
        "mysql --no-defaults -N -u \"$(cat \"$MYSQL_USER\" 2>/dev/null || echo \"$MYSQL_USER\")\" -e 'select current_user()'".to_owned()
    },
    users: |part| holding(&servers().mariadb("select user from mysql.user"), part),
    prompt: || "[app]>".into(),
    question: "select concat('am ', current_user());",
};

const REDIS: Database = Database {
    kind: "redis",
    connector: "redis",
    make: &["[\"~*\", \"+@all\"]"],
    drop: &[],
    user_field: "REDIS_USER",
    password_field: "REDISCLI_AUTH",
    fields: || format!("REDIS_HOST = '127.0.0.1'\nREDIS_PORT = '{}'\n", servers().redis_port),
    who: || {
        let port = &servers().redis_port;
        format!("redis-cli -p {port} --user \"$REDIS_USER\" acl whoami")
    },
    users: |part| holding(&servers().redis(&["ACL", "USERS"]), part),
    prompt: || format!("127.0.0.1:{}>", servers().redis_port),
    question: "acl whoami",
};

/// A role of Vault in an engine of its own, and a home with roles of hallpass that use it.
struct Fixture {
    database: &'static Database,
    mount: String,
    /// Also a part of the names of its users.
    role: String,
    sandbox: Sandbox,
}

impl Fixture {
    /// Credentials that last an hour.
    fn new(database: &'static Database) -> Self {
        Self::lasting(database, "1h", "24h")
    }

    fn lasting(database: &'static Database, ttl: &str, longest: &str) -> Self {
        Self::with_engine(database, ttl, longest, None)
    }

    fn with_engine(database: &'static Database, ttl: &str, longest: &str, port: Option<u16>) -> Self {
        let mount = unique("database");
        // Vault takes eight characters of it into the names of users.
        let role = format!("r{}", &unique("r")[3..]);
        servers().database_engine(&mount, database.kind, port);
        servers().vault(
            "POST",
            &format!("{mount}/roles/{role}"),
            &json!({
                "db_name": "db", "default_ttl": ttl, "max_ttl": longest,
                "creation_statements": database.make, "revocation_statements": database.drop,
            }),
        );
        let fixture = Self {
            database,
            mount,
            role,
            sandbox: Sandbox::with_vault(),
        };
        fixture.sandbox.config("[providers.vault]\ntimeout = '30s'\n");
        let (at, connector) = (format!("{}/{}", fixture.mount, fixture.role), database.connector);
        let (user, password, fields) = (database.user_field, database.password_field, (database.fields)());
        fixture.sandbox.roles(&format!(
            "[roles.reader]\nconnector = '{connector}'\nenv = 'dev'\n[roles.reader.fields]\n{fields}\
             {user} = '_envs/vaultdb/{at}#username'\n{password} = '_vaultdb:{at}:password'\n\
             [roles.canonical]\nconnector = '{connector}'\nenv = 'dev'\n[roles.canonical.fields]\n{fields}\
             {user} = {{ secret = 'vaultdb:{at}#username' }}\n{password} = {{ secret = 'vaultdb:{at}#password' }}\n\
             [roles.by-path]\nconnector = '{connector}'\nenv = 'dev'\n[roles.by-path.fields]\n{fields}\
             {user} = '_envs/vault/{mount}/creds/{role}#username'\n{password} = '_envs/vault/{mount}/creds/{role}#password'\n\
             [roles.incomplete]\ncommand = ['true']\n[roles.incomplete.fields]\nUSER_NAME = '_envs/vaultdb/{at}#username'\n\
             OTHER = '_envs/HP_NOT_SET'\n\
             [roles.broken]\ncommand = ['broken']\nfields.USER_NAME = '_envs/vaultdb/{at}#username'\n\
             [roles.plain]\ncommand = ['true']\n",
            mount = fixture.mount,
            role = fixture.role,
        ));
        fixture
    }

    fn users(&self) -> Vec<String> {
        (self.database.users)(&self.role)
    }

    #[track_caller]
    fn has_users(&self, count: usize) {
        eventually(&format!("{count} users"), || self.users().len() == count);
    }

    /// Nothing is left: no user, and nothing to do for the next start.
    #[track_caller]
    fn is_clean(&self) {
        assert_eq!(self.journals(), Vec::<String>::new());
        // The server does it in its own time once it was told.
        self.has_users(0);
    }

    /// The same, while hallpass goes on.
    #[track_caller]
    fn gets_clean(&self) {
        eventually("nothing is left", || {
            self.users().is_empty() && self.journals().is_empty()
        });
    }

    /// Starts hallpass until it has given back what was left. A start that waits for a busy server in vain is no failure, and says nothing.
    #[track_caller]
    fn is_given_back_by(&self, next: &[&str]) {
        eventually("a start has given it back", || {
            let outcome = self.sandbox.run(next);
            assert!(!outcome.stderr.contains("credential"), "{next:?}: {}", outcome.stderr);
            self.journals().is_empty()
        });
        self.has_users(0);
    }

    #[track_caller]
    fn next_starts_clean(&self) {
        self.is_given_back_by(&["exec", "plain", "--", "true"]);
    }

    /// One of the next starts says this of what was left, and none says it again.
    #[track_caller]
    fn says_once(&self, text: &str) {
        let said = || {
            let next = self.sandbox.run(&["exec", "plain", "--", "true"]).expect_code(0);
            next.stderr.matches(text).count()
        };
        let mut times = 0;
        eventually("a start says it", || {
            times = said();
            times > 0
        });
        assert_eq!((times, said()), (1, 0), "{text}");
    }

    /// What is written down, a text for each file.
    fn journals(&self) -> Vec<String> {
        let folder = fs::read_dir(self.sandbox.home().join("state/leases"));
        let files = folder.into_iter().flatten().flatten();
        files.filter_map(|file| fs::read_to_string(file.path()).ok()).collect()
    }

    /// Runs a shell with the role's environment.
    fn exec(&self, role: &str, script: &str) -> Outcome {
        self.sandbox.run(&["exec", role, "--", "sh", "-c", script])
    }

    /// The same, not waited for.
    fn start(&self, role: &str, script: &str) -> Child {
        let mut command = self.sandbox.command(&["exec", role, "--", "sh", "-c", script]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// A token with a policy of its own: it may read credentials, and what else the rules say.
    fn token(&self, rules: &str) -> String {
        let policy = self.policy(rules);
        let made = servers().vault(
            "POST",
            "auth/token/create",
            &json!({ "policies": [policy], "ttl": "10m", "no_parent": true }),
        );
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    fn policy(&self, rules: &str) -> String {
        let policy = unique("policy");
        let (mount, role) = (&self.mount, &self.role);
        let rules = format!("path \"{mount}/creds/{role}\" {{ capabilities = [\"read\"] }}\n{rules}");
        servers().vault(
            "PUT",
            &format!("sys/policies/acl/{policy}"),
            &json!({ "policy": rules }),
        );
        policy
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // The engine holds connections to the database, and the users of a test that failed.
        let root = &servers().vault_token;
        servers().vault_as(root, "DELETE", &format!("sys/mounts/{}", self.mount), &Value::Null);
    }
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// The pid of the hallpass whose home is this sandbox.
#[track_caller]
fn hallpass(sandbox: &Sandbox) -> u32 {
    let home = format!("HOME={}", sandbox.home().display());
    let mut found = 0;
    eventually("a process of hallpass", || {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            if name.trim_end() == "hallpass" && environ.split(|byte| *byte == 0).any(|one| one == home.as_bytes()) {
                found = entry.file_name().to_string_lossy().parse().unwrap();
                return true;
            }
        }
        false
    });
    found
}

#[track_caller]
fn a_user_for_each_session(database: &'static Database) {
    let fixture = Fixture::new(database);
    for role in ["reader", "canonical", "by-path"] {
        let kept = fixture.sandbox.home().parent().unwrap().join(unique("hp-kept"));
        let script = format!(
            "{}; printf %s \"${}\" > {}; cat state/leases/*; sleep 0.1",
            (database.who)(),
            database.password_field,
            kept.display()
        );
        let outcome = fixture.exec(role, &script).expect_code(0);
        let password = Canary::of(fs::read_to_string(&kept).unwrap());
        fs::remove_file(&kept).unwrap();
        assert!(password.value().len() > 12);
        let said = outcome.stdout.to_lowercase();
        assert!(
            said.contains(&fixture.role) && said.contains("\"lease\":"),
            "{role}: {said}\n{}",
            outcome.stderr
        );
        // Written down twice: before it is made, and with its name.
        let named = said
            .lines()
            .filter(|line| line.contains("\"lease\"") && !line.contains("/\",\"accessor\""));
        assert_eq!(named.count(), 1, "both fields are one read: {said}");
        assert_eq!(said.matches("\"lease\"").count(), 2, "{said}");
        for (place, bytes) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
            assert_eq!(password.in_bytes(place, bytes.as_bytes()), []);
        }
        assert_eq!(password.in_files(fixture.sandbox.home()), []);
        fixture.is_clean();
    }

    let terminal = Tmux::hallpass(&fixture.sandbox, (100, 30), &["connect", "reader"]);
    terminal.wait(&(database.prompt)());
    fixture.has_users(1);
    terminal.line(database.question);
    terminal.wait_until("the user's name", |screen| {
        screen.to_lowercase().contains(&fixture.role)
    });
    terminal.at_prompt(&(database.prompt)());
    terminal.keys(&["C-d"]);
    assert_eq!(terminal.exit_code(), 0, "{}", terminal.screen());
    fixture.is_clean();

    let terminal = Tmux::hallpass(&fixture.sandbox, (130, 34), &[]);
    open_role(&terminal, "reader");
    terminal.wait(&(database.prompt)());
    let screen = terminal.wait("lease ");
    assert!(screen.contains("lease 59m") || screen.contains("lease 1h"), "{screen}");
    terminal.line(database.question);
    terminal.wait_until("the user's name", |screen| {
        screen.to_lowercase().contains(&fixture.role)
    });
    terminal.at_prompt(&(database.prompt)());
    fixture.has_users(1);
    terminal.keys(&["C-d"]);
    terminal.wait("credential revoked");
    fixture.is_clean();
}

#[test]
fn postgres_users() {
    a_user_for_each_session(&POSTGRES);
}

#[test]
fn mariadb_users() {
    a_user_for_each_session(&MARIADB);
}

#[test]
fn redis_users() {
    a_user_for_each_session(&REDIS);
}

#[test]
fn two_sessions_are_two_users() {
    let fixture = Fixture::new(&POSTGRES);
    let mut one = fixture.start("reader", "sleep 60");
    let mut other = fixture.start("canonical", "sleep 60");
    fixture.has_users(2);
    signal(one.id(), "TERM");
    one.wait().unwrap();
    fixture.has_users(1);
    assert_eq!(fixture.journals().len(), 1, "the other is alive");
    // A start leaves what live ones have alone.
    fixture.sandbox.run(&["exec", "plain", "--", "true"]).expect_code(0);
    assert_eq!(fixture.users().len(), 1);
    signal(other.id(), "HUP");
    other.wait().unwrap();
    fixture.is_clean();
}

/// kill -9 runs no code of ours: the next start of any command that talks to providers does it.
#[test]
fn the_next_start_gives_back_what_a_crash_left() {
    for database in [&POSTGRES, &MARIADB, &REDIS] {
        let (fixture, kind) = (Fixture::new(database), database.kind);
        let up = fixture.sandbox.home().join("up");
        for next in [&["check"][..], &["exec", "plain", "--", "true"], &["provider", "test"]] {
            let mut child = fixture.start("reader", "touch up; sleep 60");
            eventually("a session", || up.exists());
            signal(child.id(), "KILL");
            child.wait().unwrap();
            fs::remove_file(&up).unwrap();
            assert_eq!((fixture.users().len(), fixture.journals().len()), (1, 1), "{kind}");
            fixture.is_given_back_by(next);
        }
        // A client that is logged in while its user goes.
        let terminal = Tmux::hallpass(&fixture.sandbox, (100, 30), &[]);
        open_role(&terminal, "reader");
        terminal.wait(&(database.prompt)());
        fixture.has_users(1);
        signal(hallpass(&fixture.sandbox), "KILL");
        let _ = terminal.exit_code();
        assert_eq!(fixture.users().len(), 1, "{kind}");
        let terminal = Tmux::hallpass(&fixture.sandbox, (100, 30), &[]);
        terminal.wait("reader");
        fixture.has_users(0);
        terminal.keys(&["q"]);
        assert_eq!(terminal.exit_code(), 0);
        fixture.is_clean();
    }
}

#[test]
fn damaged_journals_break_no_start() {
    let fixture = Fixture::new(&POSTGRES);
    let mut child = fixture.start("reader", "sleep 60");
    fixture.has_users(1);
    signal(child.id(), "KILL");
    child.wait().unwrap();
    let folder = fixture.sandbox.home().join("state/leases");
    let journal = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mut text = fs::read_to_string(&journal).unwrap();
    text.insert_str(0, "rubbish\n{\"provider\":\"vault\"}\n\u{0}\n");
    text.push_str(
        "{\"provider\":\"nobody\",\"endpoint\":\"\",\"lease\":\"x/y\",\"expires\":\"2020-01-01T00:00:00Z\"}\n{\"prov",
    );
    fs::write(&journal, text).unwrap();
    fs::write(folder.join("9-9.journal"), [0xff; 3000]).unwrap();
    fs::write(folder.join("note.txt"), "not ours").unwrap();
    eventually("a start has given it back", || {
        fixture.sandbox.run(&["exec", "plain", "--", "true"]).expect_code(0);
        let entries = fs::read_dir(&folder).unwrap();
        let left: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        left == ["note.txt"]
    });
    fixture.has_users(0);
}

#[test]
fn a_launch_that_fails_leaves_no_user() {
    let fixture = Fixture::new(&POSTGRES);
    let broken = fixture.sandbox.write("bin/broken", "#!/nowhere/at/all\n");
    fs::set_permissions(broken, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let stderr = fixture
        .sandbox
        .run(&["exec", "incomplete", "--", "true"])
        .expect_code(125)
        .stderr;
    assert!(stderr.contains("E-ENV-UNSET"), "{stderr}");
    fixture.is_clean();
    let stderr = fixture.sandbox.run(&["connect", "broken"]).expect_code(126).stderr;
    assert!(stderr.contains("E-CLIENT-NOT-EXECUTABLE"), "{stderr}");
    fixture.is_clean();
    let terminal = Tmux::hallpass(&fixture.sandbox, (110, 34), &[]);
    for role in ["incomplete", "broken"] {
        open_role(&terminal, role);
        terminal.wait("E-");
        fixture.has_users(0);
        terminal.keys(&["Escape"]);
        terminal.settled();
        terminal.keys(&["Escape"]);
        terminal.settled();
    }
    assert_eq!(fixture.journals(), Vec::<String>::new());
}

#[test]
fn every_way_out_gives_it_back() {
    for (name, args) in [
        ("TERM", &["connect", "reader"][..]),
        ("HUP", &["connect", "reader"]),
        ("TERM", &[]),
        ("HUP", &[]),
        ("close", &["connect", "reader"]),
        ("close", &[]),
        ("quit", &[]),
        ("tab", &[]),
    ] {
        let fixture = Fixture::new(&POSTGRES);
        let terminal = Tmux::hallpass(&fixture.sandbox, (110, 34), args);
        if args.is_empty() {
            open_role(&terminal, "reader");
        }
        terminal.wait("postgres=>");
        fixture.has_users(1);
        match name {
            "close" => terminal.close(),
            "quit" | "tab" => {
                terminal.keys(&["C-\\"]);
                terminal.wait("PREFIX");
                if name == "quit" {
                    terminal.keys(&["r"]);
                    terminal.settled();
                    terminal.keys(&["q"]);
                } else {
                    terminal.keys(&["x"]);
                }
                terminal.settled();
                terminal.keys(&[if name == "quit" { "Q" } else { "X" }]);
                fixture.has_users(0);
            }
            name => {
                signal(hallpass(&fixture.sandbox), name);
                let _ = terminal.exit_code();
            }
        }
        eventually(&format!("nothing is left by {name} {args:?}"), || {
            fixture.users().is_empty() && fixture.journals().is_empty()
        });
    }
}

/// Between hallpass and Vault: answers can be held back, and the line cut.
struct Line {
    address: String,
    held: Arc<AtomicBool>,
    cut: Arc<AtomicBool>,
}

impl Line {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (held, cut) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let line = Self {
            address,
            held: Arc::clone(&held),
            cut: Arc::clone(&cut),
        };
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if cut.load(Ordering::SeqCst) {
                    continue;
                }
                let far = TcpStream::connect(servers().vault_addr.strip_prefix("http://").unwrap()).unwrap();
                let making = Arc::new(AtomicBool::new(false));
                for (mut from, mut to, asks) in [
                    (near.try_clone().unwrap(), far.try_clone().unwrap(), true),
                    (far, near, false),
                ] {
                    let (held, cut, making) = (Arc::clone(&held), Arc::clone(&cut), Arc::clone(&making));
                    std::thread::spawn(move || {
                        let mut bytes = [0; 16384];
                        while let Ok(count @ 1..) = from.read(&mut bytes) {
                            // By the path of the last request: a check names the same in the body of its question.
                            let line = bytes[..count].split(|byte| *byte == b'\r').next().unwrap_or_default();
                            if asks && line.ends_with(b" HTTP/1.1") {
                                making.store(line.windows(7).any(|part| part == b"/creds/"), Ordering::SeqCst);
                            }
                            while !asks && making.load(Ordering::SeqCst) && held.load(Ordering::SeqCst) {
                                std::thread::sleep(Duration::from_millis(10));
                            }
                            if cut.load(Ordering::SeqCst) || to.write_all(&bytes[..count]).is_err() {
                                break;
                            }
                        }
                        drop(to.shutdown(Shutdown::Both));
                        drop(from.shutdown(Shutdown::Both));
                    });
                }
            }
        });
        line
    }

    fn hold(&self, held: bool) {
        self.held.store(held, Ordering::SeqCst);
    }

    fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }
}

/// The moment between the server's answer and the session: the user is there, and hallpass does not know its name yet.
#[test]
fn given_up_while_it_is_made() {
    for name in ["INT", "TERM", "HUP"] {
        let line = Line::new();
        let mut fixture = Fixture::new(&POSTGRES);
        fixture.sandbox.set("VAULT_ADDR", &line.address);
        line.hold(true);
        let mut child = fixture.start("reader", "touch started");
        fixture.has_users(1);
        signal(child.id(), name);
        std::thread::sleep(Duration::from_secs(2));
        line.hold(false);
        let status = child.wait().unwrap();
        assert!(
            std::os::unix::process::ExitStatusExt::signal(&status).is_some(),
            "{name}: {status:?}"
        );
        assert!(!fixture.sandbox.home().join("started").exists());
        fixture.is_clean();
    }
    let line = Line::new();
    let mut fixture = Fixture::new(&POSTGRES);
    fixture.sandbox.set("VAULT_ADDR", &line.address);
    let terminal = Tmux::hallpass(&fixture.sandbox, (110, 34), &[]);
    terminal.wait("reader");
    line.hold(true);
    open_role(&terminal, "reader");
    fixture.has_users(1);
    terminal.keys(&["Escape"]);
    terminal.wait("was not opened");
    line.hold(false);
    fixture.gets_clean();
    // And the deadline of a launch, which is shorter than that of the request.
    line.hold(true);
    let slow = fixture
        .sandbox
        .command(&["exec", "--timeout", "3s", "reader", "--", "true"]);
    let started = Instant::now();
    let mut slow = { slow }.stderr(Stdio::null()).spawn().unwrap();
    fixture.has_users(1);
    std::thread::sleep(Duration::from_millis(3500).saturating_sub(started.elapsed()));
    line.hold(false);
    assert_eq!(slow.wait().unwrap().code(), Some(125));
    fixture.is_clean();
}

/// A kill in the worst moment: the user is there, and the answer with its name is on its way. The name of the token that it hangs on was
/// written down before, and is enough.
#[track_caller]
fn killed_while_it_is_made(fixture: &mut Fixture, times: usize) {
    let line = Line::new();
    fixture.sandbox.set("VAULT_ADDR", &line.address);
    for _ in 0..times {
        line.hold(true);
        let mut child = fixture.start("reader", "touch started");
        fixture.has_users(1);
        let journals = fixture.journals().concat();
        let unnamed = format!("\"lease\":\"{}/creds/{}/\"", fixture.mount, fixture.role);
        assert!(
            journals.contains(&unnamed) && journals.contains("\"accessor\""),
            "{journals}"
        );
        signal(child.id(), "KILL");
        child.wait().unwrap();
        // The answer comes to nobody.
        line.hold(false);
        assert_eq!(fixture.users().len(), 1);
        fixture.next_starts_clean();
        assert!(!fixture.sandbox.home().join("started").exists());
    }
}

#[test]
fn killed_while_postgres_makes_it() {
    killed_while_it_is_made(&mut Fixture::new(&POSTGRES), 20);
}

#[test]
fn killed_while_mariadb_makes_it() {
    killed_while_it_is_made(&mut Fixture::new(&MARIADB), 5);
}

const MAY_MAKE_AND_END: &str = "path \"auth/token/create\" { capabilities = [\"update\"] }\n\
                                path \"auth/token/revoke-accessor\" { capabilities = [\"update\"] }";

/// All that it takes are two rules, and none on leases.
#[test]
fn killed_with_a_small_policy() {
    let mut fixture = Fixture::new(&POSTGRES);
    let token = fixture.token(MAY_MAKE_AND_END);
    fixture.sandbox.set("VAULT_TOKEN", &token);
    killed_while_it_is_made(&mut fixture, 2);
    // And in a session's midst, and at its end.
    let mut child = fixture.start("reader", "sleep 60");
    fixture.has_users(1);
    eventually("its name is written down", || {
        fixture.journals().concat().lines().count() == 2
    });
    signal(child.id(), "KILL");
    child.wait().unwrap();
    fixture.next_starts_clean();
    fixture.exec("reader", (POSTGRES.who)().as_str()).expect_code(0);
    fixture.is_clean();
    alive(&token);
}

/// Where a policy lets a role make tokens, and nothing else.
#[test]
fn killed_with_a_token_role() {
    let mut fixture = Fixture::new(&POSTGRES);
    let made = unique("sessions");
    let inner = fixture.policy("");
    servers().vault(
        "POST",
        &format!("auth/token/roles/{made}"),
        &json!({ "orphan": true, "allowed_policies": [inner], "token_period": 0 }),
    );
    let token = fixture.token(&format!(
        "path \"auth/token/create/{made}\" {{ capabilities = [\"update\"] }}\n\
         path \"auth/token/revoke-accessor\" {{ capabilities = [\"update\"] }}"
    ));
    fixture.sandbox.set("VAULT_TOKEN", &token);
    fixture
        .sandbox
        .config(&format!("[providers.vault]\ntoken_role = '{made}'\ntimeout = '30s'\n"));
    killed_while_it_is_made(&mut fixture, 2);
    // One that is not there is said, and the session opens all the same.
    fixture.sandbox.config("[providers.vault]\ntoken_role = 'nobody'\n");
    let outcome = fixture.exec("reader", "true").expect_code(0);
    assert!(outcome.stderr.contains("token_role `nobody`"), "{}", outcome.stderr);
}

/// An answer that never comes, and a hallpass that lives on: what was made is taken back although nobody ever heard its name.
#[test]
fn an_answer_that_never_comes() {
    let line = Line::new();
    let mut fixture = Fixture::new(&POSTGRES);
    fixture.sandbox.set("VAULT_ADDR", &line.address);
    fixture.sandbox.config("[providers.vault]\ntimeout = '4s'\n");
    line.hold(true);
    let outcome = fixture.exec("reader", "touch started").expect_code(125);
    assert!(outcome.stderr.contains("error[E-NET-TIMEOUT]"), "{}", outcome.stderr);
    fixture.is_clean();
    assert!(!fixture.sandbox.home().join("started").exists());
}

/// Vault is away when the session ends: it is said, and the next start that reaches it does the work.
#[test]
fn what_cannot_be_given_back_now_is_given_back_later() {
    let line = Line::new();
    let mut fixture = Fixture::new(&POSTGRES);
    fixture.sandbox.set("VAULT_ADDR", &line.address);
    let child = fixture.sandbox.command(&[
        "exec",
        "reader",
        "--",
        "sh",
        "-c",
        "touch up; while [ ! -e go ]; do sleep 0.05; done",
    ]);
    let mut child = { child }.stderr(Stdio::piped()).spawn().unwrap();
    eventually("the session", || fixture.sandbox.home().join("up").exists());
    line.cut(true);
    fs::write(fixture.sandbox.home().join("go"), "").unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{stderr}");
    assert!(stderr.contains("could not be taken back (E-"), "{stderr}");
    assert!(stderr.contains("the next start of hallpass tries again"), "{stderr}");
    assert_eq!((fixture.users().len(), fixture.journals().len()), (1, 1));

    // Still away: nothing else waits for it or fails.
    fixture.sandbox.run(&["exec", "plain", "--", "true"]).expect_code(0);
    assert_eq!(fixture.journals().len(), 1);
    // Another server under the same name would know nothing of it.
    line.cut(false);
    fixture.sandbox.set("VAULT_ADDR", &servers().vault_addr);
    fixture.sandbox.run(&["exec", "plain", "--", "true"]).expect_code(0);
    assert_eq!((fixture.users().len(), fixture.journals().len()), (1, 1));
    fixture.sandbox.set("VAULT_ADDR", &line.address);
    fixture.next_starts_clean();
}

/// It outlives its first time and dies at its longest, and both can be seen.
#[test]
fn renewed_while_the_session_lives() {
    let fixture = Fixture::lasting(&POSTGRES, "10s", "22s");
    let terminal = Tmux::hallpass(&fixture.sandbox, (130, 34), &[]);
    open_role(&terminal, "reader");
    terminal.wait("postgres=>");
    let script = "sleep 13; psql -XAtw -c 'select 6 * 7' >answer.new 2>&1; mv answer.new answer; sleep 60";
    let mut child = fixture.start("reader", script);
    terminal.wait_until("a countdown", |screen| {
        screen.contains("lease 9s") || screen.contains("lease 8s") || screen.contains("lease 7s")
    });
    let answer = fixture.sandbox.home().join("answer");
    eventually("an answer", || answer.exists());
    assert_eq!(fs::read_to_string(answer).unwrap(), "42\n", "the first time was over");
    terminal.wait("cannot be renewed any further");
    fixture.has_users(0);
    terminal.keys(&["C-l"]);
    terminal.wait("lease over");
    signal(child.id(), "TERM");
    child.wait().unwrap();
}

#[test]
fn a_token_that_may_not_revoke() {
    // Nothing helps: it is said, and the credential ends by itself.
    let mut fixture = Fixture::lasting(&POSTGRES, "25s", "60s");
    let token = fixture.token("");
    fixture.sandbox.set("VAULT_TOKEN", &token);
    let stderr = fixture.exec("reader", (POSTGRES.who)().as_str()).expect_code(0).stderr;
    assert!(
        stderr.contains("cannot be taken back by this login (E-VAULT-LEASE-403)"),
        "{stderr}"
    );
    assert!(stderr.contains("it ends by itself at"), "{stderr}");
    assert_eq!(fixture.users().len(), 1);
    // The next start tries with the login that it has, and does not say it again.
    let again = fixture.sandbox.run(&["exec", "plain", "--", "true"]).expect_code(0);
    assert!(!again.stderr.contains("E-VAULT-LEASE-403"), "{}", again.stderr);
    assert_eq!((fixture.users().len(), fixture.journals().len()), (1, 1));
    fixture.has_users(0);
    alive(&token);
    // Over, it is nobody's business any more.
    fixture.next_starts_clean();

    // A crash leaves it to a login that may not, which says so once, and then to one that may.
    let mut fixture = Fixture::new(&POSTGRES);
    fixture.sandbox.set("VAULT_TOKEN", &fixture.token(""));
    let mut child = fixture.start("reader", "sleep 60");
    fixture.has_users(1);
    signal(child.id(), "KILL");
    child.wait().unwrap();
    fixture.says_once("E-VAULT-LEASE-403");
    assert_eq!((fixture.users().len(), fixture.journals().len()), (1, 1));
    fixture.sandbox.set("VAULT_TOKEN", &servers().vault_token);
    fixture.next_starts_clean();

    // A token of the session's own is ended with it.
    let mut fixture = Fixture::new(&POSTGRES);
    let token = fixture.token("path \"auth/token/create\" { capabilities = [\"update\"] }");
    fixture.sandbox.set("VAULT_TOKEN", &token);
    let outcome = fixture.exec("reader", (POSTGRES.who)().as_str()).expect_code(0);
    assert!(outcome.stdout.contains(&fixture.role), "{}", outcome.stdout);
    assert!(!outcome.stderr.contains("credential"), "{}", outcome.stderr);
    fixture.is_clean();
    alive(&token);
}

/// A login of our own is ours to end.
#[test]
fn an_approle_that_may_not_revoke() {
    let mut fixture = Fixture::new(&POSTGRES);
    let policy = fixture.policy("");
    let (role, role_id, secret_id) = servers().approle(&json!({ "secret_id_num_uses": 4 }));
    servers().vault(
        "POST",
        &format!("auth/approle/role/{role}"),
        &json!({ "token_policies": policy, "secret_id_num_uses": 4 }),
    );
    fixture.sandbox.unset("VAULT_TOKEN");
    fixture.sandbox.set("VAULT_APP_ROLE_ID", &role_id);
    fixture.sandbox.set("VAULT_APP_ROLE_SECRET_ID", &secret_id);
    let outcome = fixture.exec("reader", (POSTGRES.who)().as_str()).expect_code(0);
    assert!(outcome.stdout.contains(&fixture.role), "{}", outcome.stdout);
    assert!(!outcome.stderr.contains("credential"), "{}", outcome.stderr);
    fixture.is_clean();

    // After a crash nobody has that token any more: it is said once.
    let mut child = fixture.start("reader", "sleep 60");
    fixture.has_users(1);
    signal(child.id(), "KILL");
    child.wait().unwrap();
    fixture.says_once("cannot be taken back by this login");
}

/// A start that ends its own login takes no lease of another's for ended.
#[test]
fn what_another_token_made_outlives_a_login_that_ends() {
    let mut fixture = Fixture::new(&POSTGRES);
    fixture.sandbox.set("VAULT_TOKEN", &fixture.token(""));
    for _ in 0..3 {
        fixture.exec("reader", "true").expect_code(0);
    }
    assert_eq!((fixture.users().len(), fixture.journals().len()), (3, 3));

    let (role, role_id, secret_id) = servers().approle(&json!({}));
    let policy = fixture.policy("");
    let policies = json!({ "token_policies": policy });
    servers().vault("POST", &format!("auth/approle/role/{role}"), &policies);
    fixture.sandbox.unset("VAULT_TOKEN");
    fixture.sandbox.set("VAULT_APP_ROLE_ID", &role_id);
    fixture.sandbox.set("VAULT_APP_ROLE_SECRET_ID", &secret_id);
    for _ in 0..4 {
        let next = fixture.sandbox.run(&["exec", "plain", "--", "true"]).expect_code(0);
        assert!(!next.stderr.contains("E-VAULT-LEASE-ENDED"), "{}", next.stderr);
        assert_eq!((fixture.users().len(), fixture.journals().len()), (3, 3));
    }

    fixture.sandbox.unset("VAULT_APP_ROLE_ID");
    fixture.sandbox.unset("VAULT_APP_ROLE_SECRET_ID");
    fixture.sandbox.set("VAULT_TOKEN", &servers().vault_token);
    fixture.next_starts_clean();
}

/// The token still works.
#[track_caller]
fn alive(token: &str) {
    assert_eq!(
        servers()
            .vault_as(token, "GET", "auth/token/lookup-self", &Value::Null)
            .0,
        200
    );
}

#[test]
fn a_check_makes_nothing() {
    let mut fixture = Fixture::new(&POSTGRES);
    let roles = ["reader", "canonical", "by-path"];
    let checked = |fixture: &Fixture| {
        let outcome = fixture.sandbox.run(&[&["check", "--json"][..], &roles].concat());
        assert_eq!(fixture.users(), Vec::<String>::new());
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let code = |role: &Value| {
            role["fields"]
                .as_array()
                .unwrap()
                .iter()
                .find_map(|field| field["code"].as_str().map(str::to_owned))
        };
        report["roles"].as_array().unwrap().iter().map(code).collect::<Vec<_>>()
    };
    assert_eq!(checked(&fixture), [None, None, None]);
    // It may read and may not look at the role's settings.
    let token = fixture.token("");
    fixture.sandbox.set("VAULT_TOKEN", &token);
    assert_eq!(checked(&fixture), [None, None, None]);
    let stranger = servers().vault(
        "POST",
        "auth/token/create",
        &json!({ "policies": ["default"], "ttl": "10m" }),
    );
    fixture
        .sandbox
        .set("VAULT_TOKEN", stranger["auth"]["client_token"].as_str().unwrap());
    assert_eq!(
        checked(&fixture),
        [const { "E-VAULT-403" }; 3].map(|code| Some(code.to_owned()))
    );
    fixture.sandbox.set("VAULT_TOKEN", &servers().vault_token);
    servers().vault(
        "DELETE",
        &format!("{}/roles/{}", fixture.mount, fixture.role),
        &Value::Null,
    );
    assert_eq!(
        checked(&fixture),
        [const { "E-VAULT-DB-ROLE" }; 3].map(|code| Some(code.to_owned()))
    );
    let stderr = fixture.exec("reader", "true").expect_code(125).stderr;
    assert!(
        stderr.contains("E-VAULT-DB-ROLE") && stderr.contains(&format!("vault list {}/roles", fixture.mount)),
        "{stderr}"
    );
}

#[test]
fn a_database_that_is_down() {
    for database in [&POSTGRES, &MARIADB, &REDIS] {
        // A port that nobody listens at.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let fixture = Fixture::with_engine(database, "1h", "1h", Some(port));
        let stderr = fixture.exec("reader", "touch started").expect_code(125).stderr;
        assert!(stderr.contains("error[E-VAULT-DB-CREATE]"), "{stderr}");
        assert!(
            stderr.contains("the database is down, or Vault cannot reach it"),
            "{stderr}"
        );
        assert!(
            !stderr.contains(&port.to_string()) && !stderr.contains("dial"),
            "{stderr}"
        );
        assert!(!fixture.sandbox.home().join("started").exists());
        fixture.is_clean();
    }
}

/// The child is told when the first of its credentials ends.
#[test]
fn the_child_knows_when_it_ends() {
    let fixture = Fixture::new(&POSTGRES);
    let outcome = fixture.exec("reader", "echo $HALLPASS_EXPIRES_AT").expect_code(0);
    let end: jiff::Timestamp = outcome.stdout.trim().parse().unwrap();
    let left = end.as_second() - jiff::Timestamp::now().as_second();
    assert!((3500..=3600).contains(&left), "{left}");
    let outcome = fixture
        .exec("plain", "echo \"${HALLPASS_EXPIRES_AT-none}\"")
        .expect_code(0);
    assert_eq!(outcome.stdout, "none\n");
    let shown = fixture.sandbox.run(&["show", "reader"]).expect_code(0).stdout;
    assert!(shown.contains("revoked when it ends"), "{shown}");
}

#[test]
fn a_deep_check_makes_no_user() {
    let fixture = Fixture::new(&POSTGRES);
    let made = |fixture: &Fixture| {
        let leases = format!("sys/leases/lookup/{}/creds/{}", fixture.mount, fixture.role);
        servers()
            .vault_as(&servers().vault_token, "LIST", &leases, &Value::Null)
            .0
    };
    for args in [
        &["check", "--deep", "reader"][..],
        &["check", "--deep", "canonical", "by-path"],
    ] {
        fixture.sandbox.run(args).expect_code(0);
    }
    assert_eq!(
        (fixture.users().len(), made(&fixture)),
        (0, 404),
        "nothing was ever made"
    );
    fixture.is_clean();
}

#[test]
fn a_credential_that_somebody_revoked_cannot_be_renewed() {
    use hallpass::domain::reference::{Kind, ProviderKind, SecretId};

    let fixture = Fixture::new(&POSTGRES);
    let none = std::collections::BTreeMap::new();
    let providers = crate::library::providers("vault", ProviderKind::Vault, &none, fixture.sandbox.env(), None);
    let vault = providers.get("vault").unwrap();
    let secret = SecretId {
        provider: "vault".to_owned(),
        kind: Kind::VaultDb,
        path: format!("{}/{}", fixture.mount, fixture.role),
        pin: None,
    };
    crate::aws::run(async {
        let lease = vault.fetch(&secret).await.ok().unwrap().lease.unwrap();
        assert!(vault.renew(lease.lease()).await.is_ok());
        let id = json!({ "lease_id": lease.lease().id, "sync": true });
        servers().vault("POST", "sys/leases/revoke", &id);
        let problem = vault.renew(lease.lease()).await.unwrap_err();
        assert_eq!(problem.code.id, "E-VAULT-LEASE-ENDED", "{problem}");
        assert!(!problem.causes.is_empty() && !problem.fixes.is_empty(), "{problem}");
    });
    fixture.has_users(0);
}
