//! Every error code of hallpass, once: what it means, the usual causes in order, what to do. `hallpass help CODE` prints an entry.
//!
//! Codes read `E-<AREA>-<CAUSE>` and never change their meaning once released.

/// One entry of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    pub id: &'static str,
    /// What it means in one sentence.
    pub title: &'static str,
    /// The usual causes, most likely first.
    pub causes: &'static [&'static str],
    /// What to do, best first. Commands can be pasted.
    pub fixes: &'static [&'static str],
}

/// Declares the codes and the one list that holds them all.
macro_rules! catalogue {
    ($( $name:ident = $id:literal, $title:literal, causes: [$($cause:literal),* $(,)?], fixes: [$($fix:literal),* $(,)?]; )*) => {
        $( pub static $name: Code = Code { id: $id, title: $title, causes: &[$($cause),*], fixes: &[$($fix),*] }; )*
        /// All codes, in the order of this file.
        pub static CODES: &[&Code] = &[$(&$name),*];
    };
}

catalogue! {
    // --- configuration
    CONFIG_SYNTAX = "E-CONFIG-SYNTAX", "a configuration file is not valid TOML", causes: [], fixes: ["correct the line, then: hallpass config check"];
    CONFIG_READ = "E-CONFIG-READ", "a configuration file cannot be read", causes: ["the file belongs to somebody else, is missing, is larger than 1 MiB, or is not text"], fixes: ["hallpass paths"];
    CONFIG_UNKNOWN_KEY = "E-CONFIG-UNKNOWN-KEY", "a key that hallpass does not know", causes: [], fixes: ["correct or remove the key, then: hallpass config check"];
    CONFIG_TYPE = "E-CONFIG-TYPE", "a value of the wrong type or outside what the key takes", causes: [], fixes: ["correct the value, then: hallpass config check"];
    CONFIG_MISSING_KEY = "E-CONFIG-MISSING-KEY", "a key that must be there is missing", causes: [], fixes: ["add the key, then: hallpass config check"];
    CONFIG_UNKNOWN_NAME = "E-CONFIG-UNKNOWN-NAME", "a name that nothing declares (connector, provider, template, role)", causes: [], fixes: ["correct the name, then: hallpass config check"];
    CONFIG_UNKNOWN_ROLE = "E-CONFIG-UNKNOWN-ROLE", "no role has this name", causes: [], fixes: ["hallpass list"];
    CONFIG_DUPLICATE = "E-CONFIG-DUPLICATE", "the same name is declared twice", causes: [], fixes: ["rename or remove one of the two"];
    CONFIG_CYCLE = "E-CONFIG-CYCLE", "templates, connectors or provider credentials refer to each other in a circle", causes: [], fixes: ["break the circle at the place shown"];
    CONFIG_INSECURE_MODE = "E-CONFIG-INSECURE-MODE", "a file that others can change is not trusted", causes: ["the file or its folder is writable by other users, or belongs to another user"], fixes: [];
    CONFIG_NAME = "E-CONFIG-NAME", "a name that cannot be used", causes: [], fixes: ["rename it"];
    CONFIG_PLAIN_SECRET = "E-CONFIG-PLAIN-SECRET", "a secret is written into a role file", causes: ["the connector marks this field secret, and the role gives it as plain text"], fixes: [];
    CONFIG_DANGEROUS_ENV = "E-CONFIG-DANGEROUS-ENV", "a variable that changes how programs load code or are found", causes: [], fixes: ["if it is meant: allow_dangerous_env = [\"NAME\"] in the role"];
    CONFIG_ENV_NAME = "E-CONFIG-ENV-NAME", "a field's name cannot be an environment variable", causes: ["names are letters, digits and _, and do not begin with a digit"], fixes: ["rename the field"];
    CONFIG_FIELD_MISSING = "E-CONFIG-FIELD-MISSING", "a field that the connector needs has no value", causes: ["neither the role nor the secret that it is filled from gives one"], fixes: ["give the field in the role, or say with map = { FIELD = \"key\" } which key it is"];

    // --- references
    CONFIG_REF_SYNTAX = "E-CONFIG-REF-SYNTAX", "a text that looks like a secret reference and is not one", causes: [], fixes: ["correct the reference; if the text itself is meant: { literal = \"…\" }"];
    REF_IN_ARGUMENT = "E-REF-IN-ARGUMENT", "a secret would stand in a command's arguments, where every process can read it", causes: ["an argument names a field whose value comes from a secret provider"], fixes: ["let the program read the variable from its environment"];
    REF_KEY_NEEDED = "E-REF-KEY-NEEDED", "the secret holds several keys and the reference names none", causes: [], fixes: ["add #KEY to the reference"];
    REF_KEY_MISSING = "E-REF-KEY-MISSING", "the secret is there, the key in it is not", causes: ["the key was renamed, or never written"], fixes: ["correct the key in the reference"];
    REF_NOT_JSON = "E-REF-NOT-JSON", "a key was asked of a text that is not a JSON object", causes: [], fixes: ["leave the key out, or store a JSON object"];
    REF_EXPIRED = "E-REF-EXPIRED", "the secret has expired: its provider says that it holds no longer", causes: ["it was to be rotated by then, and nobody did"], fixes: ["write a new value with a new end into the provider"];
    REF_NULL = "E-REF-NULL", "the key holds null", causes: [], fixes: ["write a value, or mark the field optional = true"];
    REF_NUL_BYTE = "E-REF-NUL-BYTE", "a value with a NUL byte cannot be an environment variable", causes: [], fixes: ["via = \"file\""];
    REF_NOT_TEXT = "E-REF-NOT-TEXT", "a value that is not text where text is needed", causes: [], fixes: ["via = \"file\""];
    REF_TOO_LARGE = "E-REF-TOO-LARGE", "a value larger than the system lets a program have", causes: ["the system gives one variable 128 KiB at most"], fixes: ["via = \"file\""];

    // --- providers in general
    PROVIDER_NOT_BUILT = "E-PROVIDER-NOT-BUILT", "this kind of provider is not built yet, or not into this binary", causes: [], fixes: ["use one of the kinds that are built: hallpass version"];
    PROVIDER_UPSTREAM = "E-PROVIDER-UPSTREAM", "the provider answered something that cannot be used", causes: ["a proxy in between, or a fault on the provider's side"], fixes: ["try again; hallpass check shows which step fails"];
    PROVIDER_UNSUPPORTED = "E-PROVIDER-UNSUPPORTED", "asked of a provider whose kind cannot do it", causes: ["the role or the configuration names the wrong provider"], fixes: ["hallpass provider list"];
    PROVIDER_NO_LOGIN = "E-PROVIDER-NO-LOGIN", "the provider has no login that needs a person", causes: ["it logs in by itself, with what its settings and the environment give"], fixes: ["hallpass provider test NAME"];
    PROVIDER_CANCELLED = "E-PROVIDER-CANCELLED", "cancelled before the answer came", causes: [], fixes: [];

    // --- network
    NET_DNS = "E-NET-DNS", "the host's name does not resolve", causes: ["a typo in the address", "no network, or the VPN is down"], fixes: ["getent hosts HOST"];
    NET_REFUSED = "E-NET-REFUSED", "nothing listens at the address", causes: ["the server is down", "a wrong port in the address", "a firewall that refuses"], fixes: ["start the server, or correct the address"];
    NET_TIMEOUT = "E-NET-TIMEOUT", "no answer within the time limit", causes: ["the server is slow or overloaded", "a firewall drops the packets", "the VPN is down"], fixes: ["try again, or raise timeout in the provider's configuration"];
    NET_TLS = "E-NET-TLS", "no trusted TLS connection", causes: ["the server's certificate is not signed by a CA that is trusted here"], fixes: ["set ca_cert in the provider's configuration to the CA's file"];
    NET_CERT = "E-NET-CERT", "a certificate or key cannot be used", causes: ["the file is missing, cannot be read, or is not PEM"], fixes: ["correct ca_cert, client_cert or client_key of the provider, or the variables that stand for them"];
    NET_REDIRECT = "E-NET-REDIRECT", "the server sent a redirect, which is not followed: a token must not travel", causes: ["the address is that of a standby or of a proxy"], fixes: ["set the address to the one the redirect names, if you trust it"];

    // --- env, envjson
    ENV_UNSET = "E-ENV-UNSET", "the environment variable is not set", causes: ["hallpass was started from a place where the variable is not exported"], fixes: ["export the variable, then start hallpass again"];

    // --- the local store
    LOCAL_MISSING = "E-LOCAL-MISSING", "the local store holds no such secret", causes: [], fixes: ["hallpass secret list"];
    LOCAL_LOCKED = "E-LOCAL-LOCKED", "the local store needs its passphrase", causes: ["its key is locked by a passphrase, and nobody has typed it in this run"], fixes: ["hallpass connect ROLE   (asks for the passphrase where there is a terminal)"];
    LOCAL_PASSPHRASE = "E-LOCAL-PASSPHRASE", "the passphrase of the local store is wrong", causes: ["a typo", "it is the passphrase of another store"], fixes: ["try again: hallpass secret list"];
    LOCAL_NO_KEY = "E-LOCAL-NO-KEY", "the local store is there and its key file is not", causes: ["the key file was moved or deleted", "HALLPASS_STORE_KEY_FILE or key_file in config.toml names another place"], fixes: ["restore the key file from a backup, or export HALLPASS_STORE_KEY_FILE=FILE", "without its key nothing can open the store: move it away and start a new one with hallpass secret set"];
    LOCAL_VERSION = "E-LOCAL-VERSION", "the local store keeps only the newest version of a secret", causes: ["the secret was changed since the version was pinned"], fixes: ["take version out of the field"];
    LOCAL_CORRUPT = "E-LOCAL-CORRUPT", "the local store cannot be read: it is damaged, or the key is not its key", causes: ["the key file belongs to another store", "the file was changed by something else than hallpass"], fixes: ["restore the file or the key file from a backup"];
    LOCAL_WRITE = "E-LOCAL-WRITE", "the local store cannot be written", causes: ["the disk is full, or the folder belongs to somebody else"], fixes: ["hallpass paths"];

    // --- Vault
    VAULT_NO_ADDR = "E-VAULT-NO-ADDR", "no address for Vault", causes: ["VAULT_ADDR is not set, and the provider has no address in config.toml"], fixes: ["export VAULT_ADDR=https://vault.example.com:8200"];
    VAULT_ADDR = "E-VAULT-ADDR", "the address of Vault cannot be used", causes: ["it is not http://HOST:PORT or https://HOST:PORT, or it has a path"], fixes: ["correct VAULT_ADDR or address in config.toml"];
    VAULT_NO_TOKEN = "E-VAULT-NO-TOKEN", "no way to log in to Vault", causes: ["neither auth in config.toml, nor VAULT_TOKEN, nor AppRole variables, nor ~/.vault-token"], fixes: ["vault login", "export VAULT_TOKEN=…"];
    VAULT_TOKEN = "E-VAULT-TOKEN", "Vault does not know the token", causes: ["the token was mistyped, or cut off when it was copied", "the token belongs to another server"], fixes: ["vault login", "export VAULT_TOKEN=…"];
    VAULT_TOKEN_EXPIRED = "E-VAULT-TOKEN-EXPIRED", "Vault no longer accepts the token: it has expired or was revoked", causes: ["the token has expired or was revoked", "the token belongs to another server or namespace"], fixes: ["vault login"];
    VAULT_LOGIN = "E-VAULT-LOGIN", "Vault refused the login", causes: ["a wrong role id or secret id", "the secret id was used up or has expired"], fixes: ["vault write -f auth/approle/role/ROLE/secret-id"];
    VAULT_403 = "E-VAULT-403", "Vault refused to read the secret: the token's policies do not allow it", causes: ["no policy of the token grants read on the path (policies for KV v2 need data/ in it, references do not)", "the path does not exist: Vault hides that as 403"], fixes: ["vault token capabilities PATH"];
    VAULT_404 = "E-VAULT-404", "Vault has no secret at this path", causes: ["a typo in the path", "the secret was never written, or all of it was deleted"], fixes: ["vault kv list MOUNT"];
    VAULT_404_KEY = "E-VAULT-404-KEY", "the secret is there, the key in it is not", causes: ["the key was renamed, or never written"], fixes: ["correct the key in the reference"];
    VAULT_NO_MOUNT = "E-VAULT-NO-MOUNT", "Vault has no secrets engine at this mount", causes: ["a typo in the mount", "the mount is in another namespace"], fixes: ["vault secrets list"];
    VAULT_KV_VERSION = "E-VAULT-KV-VERSION", "the mount is of the other KV version", causes: ["the reference says KV v1 and the mount is v2, or the other way round"], fixes: ["use _envs/vault/… or vault:…, which find the version out"];
    VAULT_DELETED_VERSION = "E-VAULT-DELETED-VERSION", "this version of the secret was deleted or destroyed", causes: [], fixes: ["vault kv undelete -versions=N PATH", "pin another version, or none"];
    VAULT_NO_VERSION = "E-VAULT-NO-VERSION", "the secret never had this version", causes: [], fixes: ["vault kv metadata get PATH"];
    VAULT_NAMESPACE = "E-VAULT-NAMESPACE", "Vault has no such namespace", causes: ["a typo in VAULT_NAMESPACE or namespace in config.toml"], fixes: ["vault namespace list"];
    VAULT_SEALED = "E-VAULT-SEALED", "Vault is sealed", causes: ["it was restarted and nobody has unsealed it yet"], fixes: ["vault operator unseal   (by those who hold the keys)"];
    VAULT_UNINITIALISED = "E-VAULT-UNINITIALISED", "Vault was never initialised", causes: ["the address is that of a new server"], fixes: ["vault operator init"];
    VAULT_STANDBY = "E-VAULT-STANDBY", "this node of Vault is a standby and does not answer", causes: ["the address is that of one node, not of the cluster"], fixes: ["set the address to the cluster's"];
    VAULT_RATE = "E-VAULT-RATE", "Vault limits the rate of requests", causes: ["a rate limit quota of the server, or of a proxy before it, is used up"], fixes: ["wait, then try again"];

    // --- the client program and the session
    CLIENT_MISSING = "E-CLIENT-MISSING", "the program that opens this role is not installed", causes: ["it is not on PATH"], fixes: ["install it, or correct PATH or the role's command"];
    CLIENT_NOT_EXECUTABLE = "E-CLIENT-NOT-EXECUTABLE", "the program that opens this role cannot be executed", causes: ["the file is not executable, or not a program"], fixes: ["chmod +x FILE"];
    CLIENT_VERSION = "E-CLIENT-VERSION", "the program that opens this kind of role is older than what it is needed for", causes: ["the system's packages are old"], fixes: ["install a newer version of it"];
    CLIENT_START = "E-CLIENT-START", "the program could not be started", causes: [], fixes: [];
    CONNECTOR_NOT_BUILT = "E-CONNECTOR-NOT-BUILT", "this connector is not built yet", causes: [], fixes: ["use one of the connectors that are built, or exec"];
    TTY_REQUIRED = "E-TTY-REQUIRED", "this needs a terminal", causes: ["standard input or output is not a terminal"], fixes: ["hallpass exec ROLE -- CMD…   works without one"];
    FILTER = "E-FILTER", "a filter names a field or a value that is not there", causes: [], fixes: ["hallpass help filters"];
    USAGE = "E-USAGE", "the command cannot be used like this", causes: [], fixes: ["hallpass --help"];
    IO = "E-IO", "the system refused a file or a process", causes: [], fixes: [];
}

/// The entry with this id, in any case.
pub fn find(id: &str) -> Option<&'static Code> {
    CODES.iter().copied().find(|code| code.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_well_formed() {
        for (i, code) in CODES.iter().enumerate() {
            assert!(
                code.id.starts_with("E-") && code.id == code.id.to_uppercase(),
                "{}",
                code.id
            );
            assert!(!CODES[..i].iter().any(|other| other.id == code.id), "{} twice", code.id);
        }
    }
}
