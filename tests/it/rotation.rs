//! Rotation as a person at the screen sees it, the same for every store that has versions: the next session has the new value, the detail
//! shows the new version, and the session opened before says that there is one.

use hallpass::domain::reference::ProviderKind;
use serde_json::{Value, json};

use crate::databases::open_role;
use crate::sandbox::Sandbox;
use crate::servers::{servers, unique};
use crate::tmux::Tmux;
use crate::{aws, azure, gcp, k8s};

/// Gives the secret another value.
type Change = Box<dyn Fn(&Sandbox, &str)>;

/// A secret of the test's own in some store.
struct Rotating {
    /// A home that is logged in to the store.
    sandbox: Sandbox,
    reference: String,
    change: Change,
}

const FIRST: &str = "the-first-of-two";
const SECOND: &str = "the-second-of-two";

/// None for a kind whose secrets have no versions.
fn rotating(kind: ProviderKind) -> Option<Rotating> {
    Some(match kind {
        ProviderKind::Env | ProviderKind::EnvJson => return None,
        ProviderKind::Vault => {
            let name = unique("rotating");
            let write = move |value: &str| {
                servers().mount_kv("secret", 2);
                let body = json!({ "data": { "password": value } });
                servers().vault("POST", &format!("secret/data/{name}"), &body);
                format!("vault:secret/{name}#password")
            };
            Rotating {
                sandbox: Sandbox::with_vault(),
                reference: write(FIRST),
                change: Box::new(move |_, value| drop(write(value))),
            }
        }
        ProviderKind::Aws => {
            let (name, _) = aws::secret(FIRST);
            Rotating {
                sandbox: aws::sandbox(&[]),
                reference: format!("aws:{name}"),
                change: Box::new(move |_, value| {
                    let put = json!({ "SecretId": name, "SecretString": value });
                    servers().aws(&[("secretsmanager", "put_secret_value", put)]);
                }),
            }
        }
        ProviderKind::Azure => {
            let name = azure::secret(FIRST);
            Rotating {
                sandbox: azure::App::new().sandbox(),
                reference: format!("azure:{name}"),
                change: Box::new(move |_, value| drop(azure::put(&name, value))),
            }
        }
        ProviderKind::Gcp => {
            let name = gcp::text(FIRST);
            Rotating {
                sandbox: gcp::as_account(gcp::FULL),
                reference: format!("gcp:{name}"),
                change: Box::new(move |_, value| {
                    gcp::control("version", &json!({ "name": name, "data": value }));
                }),
            }
        }
        ProviderKind::K8s => {
            let cluster = k8s::Cluster::new();
            cluster.write("rotating", &[("password", FIRST.as_bytes())]);
            Rotating {
                sandbox: cluster.logged_in(),
                reference: "k8s:rotating#password".to_owned(),
                change: Box::new(move |_, value| cluster.write("rotating", &[("password", value.as_bytes())])),
            }
        }
        ProviderKind::Local => {
            let sandbox = Sandbox::new();
            sandbox.store("rotating#password", FIRST);
            Rotating {
                sandbox,
                reference: "local:rotating#password".to_owned(),
                change: Box::new(|sandbox, value| sandbox.store("rotating#password", value)),
            }
        }
    })
}

/// The version that a check finds, as the screen cuts it.
#[track_caller]
fn version(sandbox: &Sandbox) -> String {
    let checked = sandbox.run(&["check", "rotated", "--json"]).expect_code(0);
    let report: Value = serde_json::from_str(&checked.stdout).unwrap();
    let version = report["roles"][0]["fields"][0]["version"].as_str().unwrap().to_owned();
    if version.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("v{version} · ")
    } else {
        version.chars().take(9).collect()
    }
}

#[test]
fn every_store_with_versions() {
    for kind in ProviderKind::ALL {
        let Some(store) = rotating(*kind) else { continue };
        let sandbox = &store.sandbox;
        // Values on the screen are masked: the child compares.
        sandbox.write("first", FIRST);
        sandbox.write("second", SECOND);
        sandbox.program(
            "compare",
            "#!/bin/sh\nfor f in first second; do [ \"$PASSWORD\" = \"$(cat $f)\" ] && echo \"this is the $f\"; done\nexec cat\n",
        );
        sandbox.roles(&format!(
            "[roles.rotated]\ncommand = ['compare']\nenv = 'dev'\nfields.PASSWORD = {{ secret = '{}' }}\n",
            store.reference
        ));
        let before = version(sandbox);
        let terminal = Tmux::hallpass(sandbox, (150, 36), &[]);
        open_role(&terminal, "rotated");
        let screen = terminal.wait("this is the first");
        assert!(!screen.contains("newer version exists"), "{kind:?}: {screen}");

        (store.change)(sandbox, SECOND);
        let after = version(sandbox);
        assert_ne!(before, after, "{kind:?}");
        terminal.keys(&["C-\\"]);
        terminal.wait("PREFIX");
        terminal.keys(&["r"]);
        terminal.settled();
        terminal.keys(&["c"]);
        terminal.wait(&after);

        terminal.keys(&["Enter"]);
        let screen = terminal.wait("this is the second");
        assert!(!screen.contains("newer version exists"), "{kind:?}: {screen}");
        terminal.keys(&["C-\\"]);
        terminal.wait("PREFIX");
        terminal.keys(&["1"]);
        terminal.wait("this is the first");
        let screen = terminal.wait("newer version exists");
        assert!(
            !screen.contains(FIRST) && !screen.contains(SECOND),
            "{kind:?}: {screen}"
        );
        terminal.close();
    }
}
