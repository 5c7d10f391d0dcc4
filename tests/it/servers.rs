//! The servers that `tests/servers/start` started, and how a test speaks to them. No value of a test stands in an argument list here either.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use serde_json::Value;

use crate::request::request;
use crate::sandbox::finish;

/// Where each server listens, and the credentials of its administrator.
pub struct Servers {
    /// The folder of the clients' programs.
    pub programs: String,
    pub vault_addr: String,
    pub vault_tls_addr: String,
    pub vault_mtls_addr: String,
    pub vault_sealed_addr: String,
    pub vault_uninitialised_addr: String,
    pub vault_token: String,
    pub ca: String,
    pub wrong_ca: String,
    pub client_cert: String,
    pub client_key: String,
    pub pg_port: String,
    pub mysql_port: String,
    pub redis_port: String,
    /// The double of AWS that checks signatures and policies.
    pub aws_endpoint: String,
    /// The one whose errors have the exact form.
    pub ministack_endpoint: String,
    aws_keys: (String, String),
    pub gcp_addr: String,
    pub gcp_plain_addr: String,
    pub gcp_key: String,
    pub gcp_other_key: String,
    pub kube_addr: String,
    pub kube_plain_addr: String,
    pub kubectl: String,
    /// Python and the folder of the vendors' own clients.
    pub python: String,
    pub python_path: String,
    pg_password: String,
    mysql_password: String,
    redis_password: String,
    pub azure_url: String,
    pub azure_clear: String,
    pub azure_cert: String,
}

/// The servers of this run.
pub fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS.get_or_init(|| {
        let get = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| {
                panic!("{name} is not set: these tests need servers, run them through tests/run (or tests/run --quick NAME)")
            })
        };
        Servers {
            programs: get("HP_BIN_PATH"),
            vault_addr: get("HP_VAULT_ADDR"),
            vault_tls_addr: get("HP_VAULT_TLS_ADDR"),
            vault_mtls_addr: get("HP_VAULT_MTLS_ADDR"),
            vault_sealed_addr: get("HP_VAULT_SEALED_ADDR"),
            vault_uninitialised_addr: get("HP_VAULT_UNINITIALISED_ADDR"),
            vault_token: get("HP_VAULT_TOKEN"),
            ca: get("HP_CA"),
            wrong_ca: get("HP_WRONG_CA"),
            client_cert: get("HP_CLIENT_CERT"),
            client_key: get("HP_CLIENT_KEY"),
            pg_port: get("HP_PG_PORT"),
            mysql_port: get("HP_MYSQL_PORT"),
            redis_port: get("HP_REDIS_PORT"),
            aws_endpoint: get("HP_AWS_ENDPOINT"),
            ministack_endpoint: get("HP_MINISTACK_ENDPOINT"),
            aws_keys: (get("HP_AWS_ACCESS_KEY_ID"), get("HP_AWS_SECRET_ACCESS_KEY")),
            gcp_addr: get("HP_GCP_ADDR"),
            gcp_plain_addr: get("HP_GCP_PLAIN_ADDR"),
            gcp_key: get("HP_GCP_KEY"),
            gcp_other_key: get("HP_GCP_OTHER_KEY"),
            kube_addr: get("HP_KUBE_ADDR"),
            kube_plain_addr: get("HP_KUBE_PLAIN_ADDR"),
            kubectl: get("HP_KUBECTL"),
            python: get("HP_PYTHON"),
            python_path: get("HP_PYTHONPATH"),
            pg_password: get("HP_PG_SUPER_PASSWORD"),
            mysql_password: get("HP_MYSQL_ROOT_PASSWORD"),
            redis_password: get("HP_REDIS_ADMIN_PASSWORD"),
            azure_url: get("HP_AZURE_URL"),
            azure_clear: get("HP_AZURE_CLEAR"),
            azure_cert: get("HP_AZURE_CERT"),
        }
    })
}

impl Servers {
    /// A call of Vault's API with this token: the status and the JSON that came back.
    pub fn vault_as(&self, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let headers = format!("X-Vault-Token: {token}\r\n");
        let answer = request(method, &self.vault_addr, &format!("/v1/{path}"), &headers, &body);
        (answer.status, answer.json())
    }

    fn boto_command(&self, env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(&self.python);
        command
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/aws_call.py"))
            .env_clear()
            .env("PYTHONPATH", &self.python_path)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(env.iter().copied());
        command
    }

    /// Calls of AWS' own Python client, `asked` as `tests/servers/aws_call.py` reads it, in an environment of their own.
    #[track_caller]
    pub fn boto(&self, env: &[(&str, &str)], asked: &Value) -> Vec<Value> {
        let outcome = finish(self.boto_command(env), asked.to_string().as_bytes()).expect_code(0);
        serde_json::from_str(&outcome.stdout).unwrap()
    }

    /// The same in one process for all tests, which takes longer to start than any call. It ends with its standard input.
    fn boto_shared(&self, asked: &Value) -> Vec<Value> {
        static PROCESS: OnceLock<Mutex<(Child, BufReader<ChildStdout>)>> = OnceLock::new();
        let process = PROCESS.get_or_init(|| {
            let mut command = self.boto_command(&[]);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let answers = BufReader::new(child.stdout.take().unwrap());
            Mutex::new((child, answers))
        });
        let mut process = process.lock().unwrap();
        writeln!(process.0.stdin.as_mut().unwrap(), "{asked}").unwrap();
        let mut answer = String::new();
        process.1.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// Calls as the administrator of a double of AWS, in one region. All must succeed.
    #[track_caller]
    pub fn aws_of(&self, endpoint: &str, calls: &[(&str, &str, Value)]) -> Vec<Value> {
        let call = |(service, call, arguments): &(&str, &str, Value)| serde_json::json!({ "service": service, "call": call, "arguments": arguments });
        let calls: Vec<Value> = calls.iter().map(call).collect();
        let (key_id, secret_key) = &self.aws_keys;
        let asked = serde_json::json!({
            "endpoint": endpoint, "region": "eu-west-1", "key_id": key_id, "secret_key": secret_key, "calls": calls,
        });
        let answers = self.boto_shared(&asked);
        for (call, answer) in calls.iter().zip(&answers) {
            assert!(answer.get("error").is_none(), "{}: {answer}", call["call"]);
        }
        answers
    }

    /// Calls as the administrator of the double that checks policies.
    #[track_caller]
    pub fn aws(&self, calls: &[(&str, &str, Value)]) -> Vec<Value> {
        self.aws_of(&self.aws_endpoint, calls)
    }

    /// Key id and secret key of the administrator there.
    pub fn aws_keys(&self) -> (&str, &str) {
        (&self.aws_keys.0, &self.aws_keys.1)
    }

    /// A call as root that must succeed.
    #[track_caller]
    pub fn vault(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.vault_as(&self.vault_token, method, path, body);
        assert!(
            (200..300).contains(&status),
            "{method} {path}: {status} {}",
            answer["errors"]
        );
        answer
    }

    /// An AppRole of the test's own that may read every secret: its name, role id and secret id.
    pub fn approle(&self, settings: &Value) -> (String, String, String) {
        let method = serde_json::json!({ "type": "approle" });
        let (status, _) = self.vault_as(&self.vault_token, "POST", "sys/auth/approle", &method);
        assert!(status == 204 || status == 400, "{status}");
        let (role, policy) = (unique("approle"), unique("policy"));
        let rules = serde_json::json!({ "policy": "path \"secret/data/*\" { capabilities = [\"read\"] }" });
        self.vault("PUT", &format!("sys/policies/acl/{policy}"), &rules);
        let mut wanted = settings.clone();
        wanted["token_policies"] = policy.into();
        let at = format!("auth/approle/role/{role}");
        self.vault("POST", &at, &wanted);
        let role_id = self.vault("GET", &format!("{at}/role-id"), &Value::Null);
        let secret_id = self.vault("POST", &format!("{at}/secret-id"), &serde_json::json!({}));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let ids = (text(&role_id["data"]["role_id"]), text(&secret_id["data"]["secret_id"]));
        (role, ids.0, ids.1)
    }

    /// The accessors of all tokens that logins by this AppRole have made and that live.
    pub fn tokens_of_approle(&self, role: &str) -> Vec<Value> {
        let all = self.vault("LIST", "auth/token/accessors", &Value::Null);
        let mut accessors = all["data"]["keys"].as_array().cloned().unwrap_or_default();
        accessors.retain(|accessor| {
            let wanted = serde_json::json!({ "accessor": accessor });
            let (_, found) = self.vault_as(&self.vault_token, "POST", "auth/token/lookup-accessor", &wanted);
            found["data"]["meta"]["role_name"] == role
        });
        accessors
    }

    /// Mounts a KV engine of this version, unless it is there already, and waits until it answers.
    pub fn mount_kv(&self, mount: &str, version: u8) {
        let wanted = serde_json::json!({ "type": "kv", "options": { "version": version.to_string() } });
        let (status, answer) = self.vault_as(&self.vault_token, "POST", &format!("sys/mounts/{mount}"), &wanted);
        let there = answer["errors"][0]
            .as_str()
            .is_some_and(|text| text.contains("already in use"));
        assert!(status < 300 || there, "mount {mount}: {status} {answer}");
        // A new KV v2 answers 400 while it upgrades itself.
        let probe = if version == 2 {
            format!("{mount}/data/probe")
        } else {
            format!("{mount}/probe")
        };
        crate::sandbox::eventually("the mount is ready", || {
            self.vault_as(&self.vault_token, "GET", &probe, &Value::Null).0 == 404
        });
    }

    /// Mounts a database engine of the test's own, connected to the server of this kind (`postgres`, `mariadb`, `redis`) as `db`; a
    /// `port` that is not the server's own makes it one that cannot be reached.
    pub fn database_engine(&self, mount: &str, kind: &str, port: Option<u16>) {
        let port = |own: &str| port.map_or_else(|| own.to_owned(), |port| port.to_string());
        let connection = match kind {
            "postgres" => serde_json::json!({
                "plugin_name": "postgresql-database-plugin", "username": "postgres", "password": self.pg_password,
                "connection_url": format!(
                    "postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{}/postgres?sslmode=disable", port(&self.pg_port)
                ),
            }),
            "mariadb" => serde_json::json!({
                "plugin_name": "mysql-database-plugin", "username": "root", "password": self.mysql_password,
                "connection_url": format!("{{{{username}}}}:{{{{password}}}}@tcp(127.0.0.1:{})/", port(&self.mysql_port)),
            }),
            "redis" => serde_json::json!({
                "plugin_name": "redis-database-plugin", "username": "default", "password": self.redis_password,
                "host": "127.0.0.1", "port": port(&self.redis_port).parse::<u16>().unwrap(),
            }),
            _ => panic!("no engine for {kind}"),
        };
        let mut connection = connection;
        connection["allowed_roles"] = "*".into();
        connection["verify_connection"] = false.into();
        // The server has room for 60 connections, and every engine keeps its own.
        connection["max_open_connections"] = 1.into();
        connection["max_connection_lifetime"] = "2s".into();
        self.vault(
            "POST",
            &format!("sys/mounts/{mount}"),
            &serde_json::json!({ "type": "database" }),
        );
        self.vault("POST", &format!("{mount}/config/db"), &connection);
    }

    /// Runs SQL as PostgreSQL's superuser; gives the rows, unaligned.
    pub fn postgres(&self, sql: &str) -> String {
        let mut psql = self.client("psql");
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-p",
            &self.pg_port,
            "-U",
            "postgres",
        ]);
        psql.env("PGPASSWORD", &self.pg_password);
        finish(psql, sql.as_bytes()).expect_code(0).stdout
    }

    /// Runs SQL as MariaDB's root; gives the rows.
    pub fn mariadb(&self, sql: &str) -> String {
        let mut mariadb = self.client("mariadb");
        mariadb.args([
            "--no-defaults",
            "--default-character-set=utf8mb4",
            "-N",
            "-h",
            "127.0.0.1",
            "-P",
            &self.mysql_port,
            "-u",
            "root",
        ]);
        mariadb.env("MYSQL_PWD", &self.mysql_password);
        finish(mariadb, sql.as_bytes()).expect_code(0).stdout
    }

    /// One command to Redis as its administrator, in its wire protocol: any byte may stand in a word.
    pub fn redis(&self, words: &[&str]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.redis_port.parse::<u16>().unwrap())).unwrap();
        stream.set_read_timeout(Some(crate::sandbox::DEADLINE)).unwrap();
        for words in [&["AUTH", "default", &self.redis_password][..], words] {
            let mut request = format!("*{}\r\n", words.len());
            for word in words {
                request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
            }
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = [0; 4096];
            let length = stream.read(&mut answer).unwrap();
            let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
            assert!(!answer.starts_with('-'), "redis {}: {answer}", words[0]);
            if words[0] != "AUTH" {
                return answer;
            }
        }
        unreachable!("the second command answers");
    }

    fn client(&self, name: &str) -> Command {
        let mut command = Command::new(Path::new(&self.programs).join(name));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
        command
    }
}

/// A name that no other test uses: `prefix_1f3a9c`.
pub fn unique(prefix: &str) -> String {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).unwrap();
    format!("{prefix}_{:08x}", u32::from_ne_bytes(bytes))
}
