//! The servers that `tests/servers/start` started, and how a test speaks to them. No value of a test stands in an argument list here either.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

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
    pub gcp_addr: String,
    pub gcp_plain_addr: String,
    pub gcp_key: String,
    pub gcp_other_key: String,
    /// Python and the folder of the vendors' own clients.
    pub python: String,
    pub python_path: String,
    pg_password: String,
    mysql_password: String,
    redis_password: String,
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
            gcp_addr: get("HP_GCP_ADDR"),
            gcp_plain_addr: get("HP_GCP_PLAIN_ADDR"),
            gcp_key: get("HP_GCP_KEY"),
            gcp_other_key: get("HP_GCP_OTHER_KEY"),
            python: get("HP_PYTHON"),
            python_path: get("HP_PYTHONPATH"),
            pg_password: get("HP_PG_SUPER_PASSWORD"),
            mysql_password: get("HP_MYSQL_ROOT_PASSWORD"),
            redis_password: get("HP_REDIS_ADMIN_PASSWORD"),
        }
    })
}

impl Servers {
    /// A call of Vault's API with this token: the status and the JSON that came back.
    pub fn vault_as(&self, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let host = self.vault_addr.strip_prefix("http://").unwrap();
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        // HTTP/1.0: the answer ends where the connection does, never in chunks.
        let request = format!(
            "{method} /v1/{path} HTTP/1.0\r\nHost: {host}\r\nX-Vault-Token: {token}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(host).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
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
