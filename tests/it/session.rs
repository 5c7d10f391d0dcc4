//! Children for real, through the library: what they get, what is kept of what they print, how they end, what is left behind.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use hallpass::domain::limits::{Limit, Limits};
use hallpass::domain::plan::LaunchPlan;
use hallpass::domain::secret::{ChildEnv, SecretValue};
use hallpass::session::emulator::Size;
use hallpass::session::{Ending, Session, SessionEvent};

use crate::canary::Canary;
use crate::sandbox::{DEADLINE, eventually};

const STARTER: &str = env!("CARGO_BIN_EXE_hallpass");
const SIZE: Size = Size { columns: 80, rows: 24 };

fn env() -> ChildEnv {
    let mut env = ChildEnv::new();
    env.insert_plain("PATH", "/usr/bin:/bin");
    env.insert_plain("TERM", "xterm-256color");
    env
}

/// What starts this program in `/`, with nothing of a role.
pub fn plan(program: &str, args: &[&str], env: ChildEnv) -> LaunchPlan {
    LaunchPlan {
        session_id: "test".to_owned(),
        role: "test".to_owned(),
        program: PathBuf::from(program),
        name: program.into(),
        args: args.iter().map(OsString::from).collect(),
        cwd: PathBuf::from("/"),
        env,
        limits: Limits::default(),
        secrets: Vec::new(),
        leases: Vec::new(),
        sets_clipboard: false,
        warnings: Vec::new(),
    }
}

fn script(script: &str, env: ChildEnv) -> LaunchPlan {
    plan("/bin/sh", &["-c", script], env)
}

/// A session and what it says.
struct Running {
    session: Session,
    events: mpsc::Receiver<SessionEvent>,
}

impl Running {
    fn start(plan: LaunchPlan) -> Self {
        let (sender, events) = mpsc::channel();
        let notify = Box::new(move |event| drop(sender.send(event)));
        let session = Session::start(plan, SIZE, 1000, Path::new(STARTER), notify).unwrap();
        Self { session, events }
    }

    #[track_caller]
    fn ending(&self) -> Ending {
        let until = Instant::now() + DEADLINE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(SessionEvent::Ended(ending)) => return ending,
                Ok(_) => {}
                Err(_) => panic!("it did not end; it shows:\n{}", self.screen()),
            }
        }
    }

    fn screen(&self) -> String {
        let emulator = self.session.emulator();
        let emulator = emulator.lock().unwrap();
        let rows: Vec<String> = (0..emulator.size().rows).map(|row| emulator.row_text(row)).collect();
        rows.join("\n").trim_end().to_owned()
    }

    #[track_caller]
    fn wait_for(&self, text: &str) -> String {
        let until = Instant::now() + DEADLINE;
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(Instant::now() < until, "{text:?} never came; it shows:\n{screen}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Runs to the end and gives the last screen.
#[track_caller]
fn shown_by(plan: LaunchPlan) -> String {
    let running = Running::start(plan);
    running.ending();
    running.screen()
}

#[test]
fn the_child_gets_exactly_its_environment_and_a_terminal() {
    let mut env = env();
    env.insert_plain("ODD", "a=b c\n");
    env.insert_secret("HOST", SecretValue::from_text("db.internal".into()), false);
    let screen = shown_by(plan("/usr/bin/env", &[], env));
    assert_eq!(
        screen,
        "HOST=db.internal\nODD=a=b c\n\nPATH=/usr/bin:/bin\nTERM=xterm-256color"
    );
    let screen = shown_by(script(
        "tty; stty size; ulimit -c; ps -o sid= -p $$ | tr -d ' '; echo $$; pwd; ls -l /proc/self/fd",
        self::env(),
    ));
    let lines: Vec<&str> = screen.lines().collect();
    assert!(lines[0].starts_with("/dev/pts/"), "{screen}");
    assert_eq!(&lines[1..3], ["24 80", "0"], "{screen}");
    assert_eq!(lines[3], lines[4], "it leads a session of its own: {screen}");
    assert_eq!(lines[5], "/");
    for ours in ["ptmx", "memfd", "socket"] {
        assert!(!screen.contains(ours), "it inherits a {ours}: {screen}");
    }
}

#[test]
fn a_value_is_in_no_argument_list_while_it_is_delivered() {
    let canary = Canary::new();
    let delivered = || {
        let mut env = env();
        env.insert_secret("TOKEN", SecretValue::from_text(canary.value().to_owned()), true);
        env.insert_file("options", SecretValue::from_text(canary.value().to_owned()), true);
        env
    };
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut found = Vec::new();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                found.extend(canary.in_arguments());
                std::thread::sleep(Duration::from_millis(1));
            }
            found
        });
        for _ in 0..10 {
            let env = delivered();
            let file = env.file_mark("options");
            let running = Running::start(script(
                &format!("[ -n \"$TOKEN\" ] && cmp -s {file} - <<E\n$TOKEN\nE\necho $?"),
                env,
            ));
            running.ending();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(watch.join().unwrap(), []);
    });
    // The planted leak is found.
    let mut planted = Command::new("/bin/sh")
        .args(["-c", "sleep 100", canary.value()])
        .spawn()
        .unwrap();
    assert!(!canary.in_arguments().is_empty());
    planted.kill().unwrap();
    planted.wait().unwrap();
}

#[test]
fn a_file_in_memory_is_read_under_its_path_as_often_as_wanted() {
    let mut env = env();
    env.insert_file(
        "options",
        SecretValue::from_text("[client]\npassword=hunter22hunter\n".into()),
        true,
    );
    let file = env.file_mark("options");
    env.insert_plain("OPTIONS", file.as_str());
    let screen = shown_by(script(
        &format!("wc -c < $OPTIONS; wc -c < {file}; stat -L -c %a $OPTIONS; env | grep -c HALLPASS_START"),
        env,
    ));
    assert_eq!(screen, "33\n33\n600\n0");
}

#[test]
fn exit_codes_and_signals_arrive() {
    for code in [0, 1, 2, 41, 124, 125, 126, 127, 128, 137, 255] {
        let ending = Running::start(script(&format!("exit {code}"), env())).ending();
        assert_eq!((ending.code, ending.signal), (code, None));
    }
    for signal in [1, 2, 3, 6, 9, 11, 13, 15, 31] {
        let ending = Running::start(script(&format!("kill -{signal} $$; sleep 9"), env())).ending();
        assert_eq!((ending.code, ending.signal), (128 + signal, Some(signal)));
    }
}

#[test]
fn what_cannot_be_executed_is_said_before_there_is_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        path.display().to_string()
    };
    let huge = "x".repeat(200_000);
    let problem = |plan: LaunchPlan| {
        let started = Session::start(plan, SIZE, 10, Path::new(STARTER), Box::new(|_| {}));
        started.map(|_| ()).unwrap_err().code.id
    };
    let nowhere = folder.path().join("nowhere").display().to_string();
    assert_eq!(problem(plan(&nowhere, &[], env())), "E-CLIENT-MISSING");
    assert_eq!(
        problem(plan(&file("text", "echo", 0o600), &[], env())),
        "E-CLIENT-NOT-EXECUTABLE"
    );
    assert_eq!(problem(plan("/", &[], env())), "E-CLIENT-NOT-EXECUTABLE");
    assert_eq!(
        problem(plan(&file("orphan", "#!/no/such/sh\n", 0o700), &[], env())),
        "E-CLIENT-NOT-EXECUTABLE"
    );
    // No shell is asked instead: neither for a script that names none nor for another machine's program.
    let elsewhere = format!(
        "\u{7f}ELF\u{2}\u{2}\u{1}{}\u{0}\u{2}\u{0}\u{8}{}",
        "\0".repeat(9),
        "\0".repeat(44)
    );
    for (name, text) in [("headless", "exit 7\n"), ("elsewhere", elsewhere.as_str())] {
        assert_eq!(
            problem(plan(&file(name, text, 0o700), &[], env())),
            "E-CLIENT-NOT-EXECUTABLE",
            "{name}"
        );
    }
    assert_eq!(problem(plan("sh", &[], env())), "E-CLIENT-START");
    assert_eq!(problem(plan("/bin/sh", &["-c", &huge], env())), "E-REF-TOO-LARGE");
    let mut moved = plan("/bin/sh", &[], env());
    moved.cwd = nowhere.into();
    assert_eq!(problem(moved), "E-CLIENT-START");
    let started = Session::start(
        plan("/bin/sh", &[], env()),
        SIZE,
        10,
        Path::new("/no/starter"),
        Box::new(|_| {}),
    );
    assert_eq!(started.map(|_| ()).unwrap_err().code.id, "E-CLIENT-START");
}

#[test]
fn a_value_is_masked_however_it_comes_on_the_screen_and_in_the_scrollback() {
    let value = "s3cr3t-hunter-22-value";
    let mut env = env();
    env.insert_secret("TOKEN", SecretValue::from_text(value.into()), true);
    let (head, tail) = value.split_at(9);
    let lines = format!(
        "echo plain $TOKEN; printf 'two {head}'; sleep 0.1; printf '{tail}\\n'; printf 'coloured {head}\\033[31m{tail}\\033[0m\\n'; \
         printf '%70s%s\\n' wrapped $TOKEN; printf %s \"$TOKEN\" | base64; i=0; while [ $i -lt 60 ]; do echo line $i; i=$((i+1)); done; echo done"
    );
    let running = Running::start(script(&lines, env));
    let ending = running.ending();
    let emulator = running.session.emulator();
    let mut emulator = emulator.lock().unwrap();
    let mut seen = String::new();
    emulator.scroll(1000);
    assert!(emulator.scrolled() > 20);
    while emulator.scrolled() > 0 {
        seen.push_str(&emulator.row_text(0));
        emulator.scroll(-1);
    }
    for label in ["plain", "two", "coloured", "wrapped", "line 3"] {
        assert!(seen.contains(label), "{label} is missing:\n{seen}");
    }
    for leak in [value, tail, "hunter", "czNjcjN0"] {
        assert!(!seen.contains(leak), "{leak} shows:\n{seen}");
    }
    assert!(ending.masked >= 5, "{ending:?}");
}

#[test]
fn keys_replies_and_sizes_reach_the_child() {
    let running = Running::start(script(
        "stty raw -echo; printf '\\033[6n'; head -c 6 | od -An -c; trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done",
        env(),
    ));
    running.wait_for("ready");
    assert!(
        running.screen().contains("033   [   1   ;   1   R"),
        "{}",
        running.screen()
    );
    running.session.resize(Size { columns: 100, rows: 30 });
    running.wait_for("30 100");
    running.session.resize(Size { columns: 0, rows: 0 });
    running.session.resize(SIZE);
    running.wait_for("24 80");

    let typed = Running::start(script("read line; echo \"<$line>\"", env()));
    typed.session.send(b"hello\r");
    typed.wait_for("<hello>");
    assert_eq!(typed.ending().code, 0);
}

#[test]
fn a_half_typed_line_is_not_executed_when_the_session_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    let ignoring = "trap '' HUP; echo ready; while read -r line; do eval \"$line\"; done";
    let running = Running::start(script(ignoring, env()));
    running.wait_for("ready");
    running.session.send(format!("touch {}", made.display()).as_bytes());
    running.wait_for("touch");
    running.session.hang_up();
    let ending = running.ending();
    assert_eq!(ending.signal, Some(15), "HUP was ignored, TERM was not");
    assert!(ending.ran >= Duration::from_secs(3));
    assert!(!made.exists());
}

#[test]
fn hanging_up_ends_the_whole_group_in_steps() {
    let prompt = Running::start(script("sleep 1000", env()));
    prompt.session.hang_up();
    let ending = prompt.ending();
    assert_eq!(ending.signal, Some(1));

    let stubborn = Running::start(script(
        "trap '' HUP TERM; sleep 1000 & echo pid $!; while :; do wait; done",
        env(),
    ));
    let screen = stubborn.wait_for("pid ");
    std::thread::sleep(Duration::from_millis(20));
    let pid = stubborn
        .screen()
        .split("pid ")
        .nth(1)
        .unwrap_or(&screen)
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned();
    assert!(Path::new("/proc").join(&pid).exists());
    stubborn.session.hang_up();
    let ending = stubborn.ending();
    assert_eq!(ending.signal, Some(9));
    // It got its signal with the others; when it is gone is the system's business.
    eventually("its own child to be gone", || !alive(&pid));
}

fn alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn dropping_a_session_hangs_up() {
    let running = Running::start(script("echo pid $$.; sleep 1000", env()));
    let screen = running.wait_for(".");
    let pid = screen.trim_start_matches("pid ").split('.').next().unwrap().to_owned();
    drop(running.session);
    let until = Instant::now() + DEADLINE;
    while alive(&pid) {
        assert!(Instant::now() < until, "it lives on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_process_left_behind_does_not_keep_the_session_open() {
    let running = Running::start(script("trap '' HUP; sleep 60 & echo left", env()));
    let ending = running.ending();
    assert_eq!(ending.code, 0);
    assert!(running.screen().contains("left"));
}

#[test]
fn a_flood_leaves_the_keyboard_immediate_and_the_memory_flat() {
    passes_alone("session::flood");
}

#[test]
#[ignore = "measures memory, so it runs alone in its process"]
fn flood() {
    let running = Running::start(script("yes 'all work and no play makes a dull line of text'", env()));
    running.wait_for("all work");
    std::thread::sleep(Duration::from_secs(2));
    let before = resident_kib();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        // The screen can be had at any time.
        let asked = Instant::now();
        drop(running.screen());
        assert!(asked.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(10));
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 16 * 1024, "grew by {grown} KiB");
    let pressed = Instant::now();
    running.session.send(b"\x03");
    assert_eq!(running.ending().signal, Some(2));
    assert!(pressed.elapsed() < Duration::from_secs(10), "{:?}", pressed.elapsed());
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// This test binary, running one test that is not run by itself: alone in its process.
fn alone(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command
}

#[track_caller]
fn passes_alone(test: &str) {
    let output = alone(test).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// `HP_SESSIONS` says how many; 300 without.
#[test]
fn any_number_of_sessions_leaves_nothing_behind() {
    passes_alone("session::start_and_end_many");
}

#[test]
#[ignore = "counts descriptors and threads, so it runs alone in its process"]
fn start_and_end_many() {
    let many: usize = std::env::var("HP_SESSIONS").map_or(300, |many| many.parse().unwrap());
    let count = |folder: &str| fs::read_dir(folder).unwrap().count();
    let round = |rounds: usize| {
        for chunk in 0..rounds {
            let sessions: Vec<Running> = (0..10).map(|_| Running::start(script("echo $0", env()))).collect();
            for session in &sessions {
                assert_eq!(session.ending().code, 0, "{chunk}");
            }
        }
        // Threads say that they have ended a moment before they are gone.
        let mut now = (0, 0);
        eventually("nothing changes any more", || {
            let before = now;
            std::thread::sleep(Duration::from_millis(300));
            now = (count("/proc/self/fd"), count("/proc/self/task"));
            before == now
        });
        (now.0, now.1, resident_kib())
    };
    // Descriptors, threads, KiB of memory: after the first hundred they are what they stay.
    let first = round(10);
    let last = round(many.saturating_sub(100).div_ceil(10).max(1));
    println!("after 100 sessions {first:?}, after {many} {last:?}");
    assert_eq!((first.0, first.1), (last.0, last.1), "descriptors and threads");
    assert!(last.2 < first.2 + 8 * 1024, "{first:?} {last:?}");
}

#[test]
fn a_child_that_ignores_every_hang_up_dies_with_a_killed_launcher() {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    let mut launcher = alone("session::launch_a_stubborn_child")
        .env("HP_PID_FILE", &pid_file)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + DEADLINE;
    let pid = loop {
        match fs::read_to_string(&pid_file) {
            Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
            _ => assert!(Instant::now() < until, "the child never began"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(alive(&pid));
    launcher.kill().unwrap();
    launcher.wait().unwrap();
    let killed = Instant::now();
    while alive(&pid) {
        assert!(killed.elapsed() < Duration::from_secs(2), "it lives on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[ignore = "is killed by the test that starts it"]
fn launch_a_stubborn_child() {
    let mut env = env();
    env.insert_plain("HP_PID_FILE", std::env::var("HP_PID_FILE").unwrap());
    let running = Running::start(script(
        "trap '' HUP TERM INT; echo $$ > \"$HP_PID_FILE\"; while :; do sleep 1; done",
        env,
    ));
    running.ending();
}

/// Runs `HP_SCRIPT` on pipes in a process of its own, standard output without what the test harness says first.
struct OnPipes {
    code: i32,
    stdout: Vec<u8>,
    stderr: String,
}

fn on_pipes(script: &str) -> Command {
    let mut command = alone("session::pipe_here");
    command.env("HP_SCRIPT", script);
    command
}

fn finished(mut command: Command) -> OnPipes {
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let first = said.find(" ... ").unwrap() + " ... ".len();
    OnPipes {
        code: std::os::unix::process::ExitStatusExt::into_raw(output.status) >> 8,
        stdout: output.stdout[first..].to_vec(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn script_of_the_environment() -> LaunchPlan {
    let mut env = env();
    env.insert_secret("TOKEN", SecretValue::from_text("hunter22-hunter".into()), true);
    script(&std::env::var("HP_SCRIPT").unwrap(), env)
}

#[test]
#[ignore = "is the process that other tests look at"]
fn pipe_here() {
    let ending = hallpass::session::pipe::run(script_of_the_environment(), Path::new(STARTER), None, || ()).unwrap();
    std::process::exit(ending.code);
}

#[test]
#[ignore = "is the process that other tests look at"]
fn connect_here() {
    let ending =
        hallpass::session::passthrough::connect(script_of_the_environment(), Path::new(STARTER), None, || ()).unwrap();
    std::process::exit(ending.code);
}

#[test]
fn on_pipes_every_byte_and_the_code_come_through() {
    let ran = finished(on_pipes("seq 1 200000; echo to errors >&2; exit 41"));
    let expected: String = (1..=200_000).map(|n| format!("{n}\n")).collect();
    assert_eq!(ran.stdout.len(), expected.len());
    assert_eq!((ran.code, ran.stdout == expected.as_bytes()), (41, true));
    assert_eq!(ran.stderr, "to errors\n");
    assert_eq!(finished(on_pipes("kill -TERM $$")).code, 143);
    assert_eq!(finished(on_pipes("cat; echo end of input")).stdout, b"end of input\n");
}

#[test]
fn on_pipes_a_process_left_behind_is_not_waited_for() {
    let began = Instant::now();
    let ran = finished(on_pipes(
        "head -c 50000 /dev/zero; (trap '' HUP; exec sleep 60) & echo ended",
    ));
    assert_eq!(ran.stdout.len(), 50_000 + "ended\n".len());
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn on_pipes_a_reader_that_leaves_ends_the_child() {
    let mut running = on_pipes("yes").stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1000];
    std::io::Read::read_exact(running.stdout.as_mut().unwrap(), &mut first).unwrap();
    drop(running.stdout.take());
    assert_eq!(running.wait().unwrap().code(), Some(128 + 13));
}

#[test]
fn on_pipes_a_termination_reaches_the_child() {
    let running = on_pipes("trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.05; done");
    let mut running = { running }.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdout = std::io::BufReader::new(running.stdout.take().unwrap());
    let mut line = String::new();
    while !line.ends_with("ready\n") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut stdout, &mut line).unwrap(), 0);
    }
    kill(&running.id().to_string(), "TERM");
    line.clear();
    std::io::Read::read_to_string(&mut stdout, &mut line).unwrap();
    assert_eq!((line.as_str(), running.wait().unwrap().code()), ("told\n", Some(5)));
}

fn kill(pid: &str, signal: &str) {
    let status = Command::new("/bin/kill")
        .args([&format!("-{signal}"), pid])
        .status()
        .unwrap();
    assert!(status.success());
}

/// `connect` with a screen of ours as the terminal it is on: a shell that shows the terminal's state before and after.
fn connected(script: &str) -> Running {
    let mut env = env();
    env.insert_plain("HP_SCRIPT", script);
    let test = std::env::current_exe().unwrap();
    let around = format!(
        "stty -g > /dev/shm/hp-stty-$$; echo outer $$.; '{}' session::connect_here --exact --ignored --nocapture --test-threads=1; code=$?; \
         stty -g | cmp - /dev/shm/hp-stty-$$ && echo sane code=$code.; rm /dev/shm/hp-stty-$$; sleep 1000",
        test.display()
    );
    Running::start(self::script(&around, env))
}

#[test]
fn connect_passes_everything_through_and_restores_the_terminal() {
    let running = connected(
        "stty size; printf 'type> '; read line; echo \"<$line>\"; tput smcup; printf '\\033[?25l\\033[?1000h'; exit 3",
    );
    assert!(running.wait_for("type>").contains("24 80"));
    running.session.resize(Size { columns: 90, rows: 20 });
    running.session.send(b"hello\r");
    running.wait_for("<hello>");
    running.wait_for("sane code=3.");
    let emulator = running.session.emulator();
    let emulator = emulator.lock().unwrap();
    assert!(!emulator.modes().mouse && !emulator.modes().alternate_screen);
    assert!(emulator.cursor().is_some(), "the cursor is shown again");
}

#[test]
fn connect_sends_an_interrupt_once_and_follows_the_size() {
    let running =
        connected("trap 'echo interrupted' INT; trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done");
    running.wait_for("ready");
    running.session.send(b"\x03");
    running.wait_for("interrupted");
    running.session.resize(Size { columns: 90, rows: 20 });
    let screen = running.wait_for("20 90");
    assert_eq!(screen.matches("interrupted").count(), 1, "{screen}");
}

#[test]
fn connect_restores_the_terminal_when_it_is_told_to_end() {
    let running = connected("echo inner $PPID.; sleep 1000");
    let screen = running.wait_for("inner ");
    let pid = running.wait_for(".\n");
    let pid = pid
        .split("inner ")
        .nth(1)
        .unwrap_or(&screen)
        .split('.')
        .next()
        .unwrap()
        .to_owned();
    kill(&pid, "TERM");
    running.wait_for("sane code=129.");
}

/// Full-screen programs, the keys they get and a text that is there in the end.
const PROGRAMS: &[(&str, &[&str], &str)] = &[
    (
        "vim -n -u NONE -N --cmd 'set nomore' text",
        &["Gone line more\u{1b}", "gg", ":set number\r", ":vsplit\r"],
        "1 line 1",
    ),
    ("vim -n -u NONE -N text", &["50Gdd", ":s/line/字é/\r", "zz"], "字é"),
    ("less text", &["G", "g", "/line 77\r", "-N\r"], "line 77"),
    ("less -S wide", &["\u{1b})", "3j"], "END"),
];

#[test]
fn programs_draw_the_same_screen_as_in_tmux() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (1..=200).map(|n| format!("line {n}\n")).collect();
    fs::write(folder.path().join("text"), text).unwrap();
    fs::write(
        folder.path().join("wide"),
        format!("{}END\n", "0123456789".repeat(10)).repeat(40),
    )
    .unwrap();
    // Where tests/run put what the system does not have.
    let given = std::env::var("HP_BIN_PATH").unwrap_or_else(|_| "/usr/bin".to_owned());
    let path = format!("{given}:/usr/bin:/bin");
    for (program, keys, last) in PROGRAMS {
        let mut env = env();
        env.insert_plain("PATH", &path);
        if let Ok(folder) = std::env::var("VIMRUNTIME") {
            env.insert_plain("VIMRUNTIME", folder);
        }
        env.insert_plain("HOME", folder.path().as_os_str());
        env.insert_plain("LANG", "C.UTF-8");
        let mut plan = script(&format!("exec {program}"), env);
        plan.cwd = folder.path().to_path_buf();
        let running = Running::start(plan);
        running.wait_for(if program.contains("wide") { "0123" } else { "line 20" });
        let tmux = |args: &[&str]| {
            let socket = folder.path().join("socket");
            let output = Command::new("tmux")
                .args(["-f", "/dev/null", "-S", socket.to_str().unwrap()])
                .args(args)
                .env_clear()
                .envs([
                    ("PATH", path.as_str()),
                    ("LANG", "C.UTF-8"),
                    ("HOME", folder.path().to_str().unwrap()),
                ])
                .current_dir(folder.path())
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let command = format!("exec {program}");
        tmux(&[
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            &command,
            ";",
            "set",
            "-g",
            "status",
            "off",
        ]);
        for key in *keys {
            std::thread::sleep(Duration::from_millis(300));
            running.session.send(key.as_bytes());
            tmux(&["send-keys", "-l", "--", key]);
        }
        let shown = running.wait_for(last);
        let until = Instant::now() + DEADLINE;
        loop {
            let theirs = tmux(&["capture-pane", "-p"]);
            let ours = running.screen();
            if ours == theirs.trim_end() {
                break;
            }
            assert!(
                Instant::now() < until,
                "{program}\n--- ours\n{ours}\n--- tmux\n{theirs}\n{}",
                shown.len()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        tmux(&["kill-server"]);
    }
}

/// A session of `cat` with these limits, in seconds.
fn limited(idle: Option<u64>, longest: Option<u64>) -> LaunchPlan {
    LaunchPlan {
        limits: Limits {
            idle: idle.map(Duration::from_secs),
            longest: longest.map(Duration::from_secs),
        },
        ..plan("/bin/cat", &[], env())
    }
}

#[test]
fn a_session_ends_at_its_limit_and_says_at_which() {
    for (plan, limit) in [
        (limited(Some(1), None), Limit::Idle(Duration::from_secs(1))),
        (limited(None, Some(1)), Limit::Longest(Duration::from_secs(1))),
        (limited(Some(9), Some(1)), Limit::Longest(Duration::from_secs(1))),
    ] {
        let ending = Running::start(plan).ending();
        assert_eq!((ending.limit, ending.signal), (Some(limit), Some(1)));
        assert!(ending.ran >= Duration::from_secs(1), "{:?}", ending.ran);
    }
    let ending = Running::start(LaunchPlan {
        limits: limited(Some(9), Some(9)).limits,
        ..script("exit 3", env())
    });
    let ending = ending.ending();
    assert_eq!((ending.limit, ending.code), (None, 3));
}

#[test]
fn typing_begins_the_idle_time_anew_and_sending_alone_does_not() {
    let running = Running::start(limited(Some(2), None));
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        running.session.send(b"x");
        running.session.typed();
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(running.events.try_iter().all(|event| event == SessionEvent::Output));
    let quiet = Instant::now();
    while quiet.elapsed() < Duration::from_secs(3) {
        running.session.send(b"x");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(running.ending().limit, Some(Limit::Idle(Duration::from_secs(2))));
}

/// One that ignores the hang-up and the request to end is killed.
#[test]
fn a_limit_is_no_request() {
    let ending = Running::start(LaunchPlan {
        limits: limited(None, Some(1)).limits,
        ..script("trap '' HUP TERM; while :; do sleep 0.2; done", env())
    });
    let ending = ending.ending();
    assert_eq!((ending.limit.is_some(), ending.signal), (true, Some(9)));
}

/// Where hallpass itself fails over what a program prints, its session ends and says so; nothing waits for ever.
#[test]
fn a_session_whose_thread_dies_ends_with_words() {
    let (sender, events) = mpsc::channel();
    let dies = std::sync::atomic::AtomicBool::new(true);
    let notify = Box::new(move |event| {
        let first = event == SessionEvent::Output && dies.swap(false, std::sync::atomic::Ordering::Relaxed);
        assert!(!first, "as if drawing had failed");
        drop(sender.send(event));
    });
    let plan = script("echo hello; exec sleep 300", env());
    let session = Session::start(plan, SIZE, 1000, Path::new(STARTER), notify).unwrap();
    let running = Running { session, events };
    assert_eq!(running.ending().signal, Some(1));
    assert!(running.screen().contains("hallpass failed"), "{}", running.screen());
}
