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
    CONFIG_UNKNOWN_ROLE = "E-CONFIG-UNKNOWN-ROLE", "no role has this name", causes: ["a typo", "its file is not read, or is broken: hallpass config check"], fixes: ["hallpass list"];
    CONFIG_DUPLICATE = "E-CONFIG-DUPLICATE", "the same name is declared twice", causes: [], fixes: ["rename or remove one of the two"];
    CONFIG_CYCLE = "E-CONFIG-CYCLE", "templates, connectors or provider credentials refer to each other in a circle", causes: [], fixes: ["break the circle at the place shown"];
    CONFIG_INSECURE_MODE = "E-CONFIG-INSECURE-MODE", "a file that others can change is not trusted", causes: ["the file or its folder is writable by other users, or belongs to another user"], fixes: ["chmod go-w FILE   (and its folder)", "chown \"$USER\" FILE   (if it belongs to somebody else)"];
    CONFIG_NAME = "E-CONFIG-NAME", "a name that cannot be used", causes: [], fixes: ["rename it"];
    CONFIG_PLAIN_SECRET = "E-CONFIG-PLAIN-SECRET", "a secret is written into a role file", causes: ["the connector marks this field secret, and the role gives it as plain text"], fixes: ["hallpass secret set PATH#KEY   (asks for the value), and name it in the field: { secret = \"local:PATH#KEY\" }"];
    CONFIG_DANGEROUS_ENV = "E-CONFIG-DANGEROUS-ENV", "a variable that changes how programs load code or are found", causes: [], fixes: ["if it is meant: allow_dangerous_env = [\"NAME\"] in the role"];
    CONFIG_ENV_NAME = "E-CONFIG-ENV-NAME", "a field's name cannot be an environment variable", causes: ["names are letters, digits and _, and do not begin with a digit"], fixes: ["rename the field"];
    CONFIG_FIELD_MISSING = "E-CONFIG-FIELD-MISSING", "a field that the connector needs has no value", causes: ["neither the role nor the secret that it is filled from gives one"], fixes: ["give the field in the role, or say with map = { FIELD = \"key\" } which key it is"];

    // --- references
    CONFIG_REF_SYNTAX = "E-CONFIG-REF-SYNTAX", "a text that looks like a secret reference and is not one", causes: [], fixes: ["correct the reference; if the text itself is meant: { literal = \"…\" }"];
    REF_IN_ARGUMENT = "E-REF-IN-ARGUMENT", "a secret would stand in a command's arguments, where every process can read it", causes: ["an argument names a field whose value comes from a secret provider"], fixes: ["let the program read the variable from its environment"];
    REF_KEY_NEEDED = "E-REF-KEY-NEEDED", "the secret holds several keys and the reference names none", causes: ["the reference was written for a secret with one value", "the key was left out"], fixes: ["add #KEY to the reference"];
    REF_KEY_MISSING = "E-REF-KEY-MISSING", "the secret is there, the key in it is not", causes: ["the key was renamed, or never written"], fixes: ["correct the key in the reference"];
    REF_NOT_JSON = "E-REF-NOT-JSON", "a key was asked of a text that is not a JSON object", causes: ["the secret is one text, and the reference names a key in it", "the JSON in the secret is broken"], fixes: ["leave the key out, or store a JSON object"];
    REF_NULL = "E-REF-NULL", "the key holds null", causes: ["the key was written and its value left out"], fixes: ["write a value, or mark the field optional = true"];
    REF_NUL_BYTE = "E-REF-NUL-BYTE", "a value with a NUL byte cannot be an environment variable", causes: ["the secret is binary: a key store, a ticket"], fixes: ["via = \"file\""];
    REF_NOT_TEXT = "E-REF-NOT-TEXT", "a value that is not text where text is needed", causes: ["the secret is binary: a key store, a ticket", "it is text of another encoding than UTF-8"], fixes: ["via = \"file\""];
    REF_TOO_LARGE = "E-REF-TOO-LARGE", "a value larger than the system lets a program have", causes: ["the system gives one variable 128 KiB at most"], fixes: ["via = \"file\""];

    // --- providers in general
    PROVIDER_NOT_BUILT = "E-PROVIDER-NOT-BUILT", "not built yet, or not into this binary", causes: ["this hallpass was built without the kind", "it waits for a later version"], fixes: ["use one of the kinds that are built: hallpass version"];
    PROVIDER_UPSTREAM = "E-PROVIDER-UPSTREAM", "the provider answered something that cannot be used", causes: ["a proxy in between, or a fault on the provider's side"], fixes: ["try again; hallpass check shows which step fails"];
    PROVIDER_UNKNOWN = "E-PROVIDER-UNKNOWN", "no provider has this name", causes: ["a typo", "the provider is in a configuration file that is not read"], fixes: ["hallpass provider list"];
    PROVIDER_UNSUPPORTED = "E-PROVIDER-UNSUPPORTED", "asked of a provider whose kind cannot do it", causes: ["the role or the configuration names the wrong provider"], fixes: ["hallpass provider list"];
    PROVIDER_NO_LOGIN = "E-PROVIDER-NO-LOGIN", "the provider has no login that needs a person", causes: ["it logs in by itself, with what its settings and the environment give"], fixes: ["hallpass provider test NAME"];
    PROVIDER_CANCELLED = "E-PROVIDER-CANCELLED", "cancelled before the answer came", causes: ["Ctrl-C, or hallpass was ending"], fixes: ["do it again"];

    // --- network
    NET_DNS = "E-NET-DNS", "the host's name does not resolve", causes: ["a typo in the address", "no network, or the VPN is down"], fixes: ["getent hosts HOST"];
    NET_REFUSED = "E-NET-REFUSED", "nothing listens at the address", causes: ["the server is down", "a wrong port in the address", "a firewall that refuses"], fixes: ["start the server, or correct the address"];
    NET_PROXY = "E-NET-PROXY", "the proxy does not lead to the server", causes: ["the proxy is down, or its address is wrong", "it wants a user name and a password", "it refuses the host or the port, or cannot reach it"], fixes: ["export HTTPS_PROXY=http://HOST:PORT", "export NO_PROXY=HOST   for a server that is reached without it"];
    NET_TIMEOUT = "E-NET-TIMEOUT", "no answer within the time limit", causes: ["the server is slow or overloaded", "a firewall drops the packets", "the VPN is down"], fixes: ["try again, or raise timeout in the provider's configuration"];
    NET_TLS = "E-NET-TLS", "no trusted TLS connection", causes: ["the server's certificate is not signed by a CA that is trusted here"], fixes: ["set ca_cert in the provider's configuration to the CA's file"];
    NET_CERT = "E-NET-CERT", "a certificate or key cannot be used", causes: ["the file is missing, cannot be read, or is not PEM"], fixes: ["correct ca_cert, client_cert or client_key of the provider, or the variables that stand for them"];
    NET_CLEAR = "E-NET-CLEAR", "the way to the server is not encrypted: whoever sits on it can read tokens and secrets", causes: ["the address begins with http:// and is that of another machine"], fixes: ["set the address to https://…", "where the server has no TLS: ssh -L 8200:127.0.0.1:8200 HOST   and http://127.0.0.1:8200 as the address"];
    NET_REDIRECT = "E-NET-REDIRECT", "the server sent a redirect, which is not followed: a token must not travel", causes: ["the address is that of a standby or of a proxy"], fixes: ["set the address to the one the redirect names, if you trust it"];

    // --- env, envjson
    ENV_UNSET = "E-ENV-UNSET", "the environment variable is not set", causes: ["hallpass was started from a place where the variable is not exported"], fixes: ["export the variable, then start hallpass again"];

    // --- the local store
    LOCAL_MISSING = "E-LOCAL-MISSING", "the local store holds no such secret", causes: ["a typo in the path or the key", "nobody has written it on this machine yet"], fixes: ["hallpass secret list"];
    LOCAL_LOCKED = "E-LOCAL-LOCKED", "the local store needs its passphrase", causes: ["its key is locked by a passphrase, and nobody has typed it in this run"], fixes: ["hallpass connect ROLE   (asks for the passphrase where there is a terminal)"];
    LOCAL_PASSPHRASE = "E-LOCAL-PASSPHRASE", "the passphrase of the local store is wrong", causes: ["a typo", "it is the passphrase of another store"], fixes: ["try again: hallpass secret list"];
    LOCAL_NO_KEY = "E-LOCAL-NO-KEY", "the local store is there and its key file is not", causes: ["the key file was moved or deleted", "HALLPASS_STORE_KEY_FILE or key_file in config.toml names another place"], fixes: ["restore the key file from a backup, or export HALLPASS_STORE_KEY_FILE=FILE", "without its key nothing can open the store: move it away and start a new one with hallpass secret set"];
    LOCAL_VERSION = "E-LOCAL-VERSION", "the local store keeps only the newest version of a secret", causes: ["the secret was changed since the version was pinned"], fixes: ["take version out of the field"];
    LOCAL_CORRUPT = "E-LOCAL-CORRUPT", "the local store cannot be read: it is damaged, or the key is not its key", causes: ["the key file belongs to another store", "the file was changed by something else than hallpass"], fixes: ["restore the file or the key file from a backup"];
    LOCAL_READ = "E-LOCAL-READ", "the local store or its key cannot be read", causes: ["the file belongs to somebody else, or is no plain file"], fixes: ["hallpass paths"];
    LOCAL_WRITE = "E-LOCAL-WRITE", "the local store cannot be written", causes: ["the disk is full, or the folder belongs to somebody else"], fixes: ["hallpass paths"];

    // --- Vault
    VAULT_NO_ADDR = "E-VAULT-NO-ADDR", "no address for Vault", causes: ["VAULT_ADDR is not set, and the provider has no address in config.toml"], fixes: ["export VAULT_ADDR=https://vault.example.com:8200"];
    VAULT_ADDR = "E-VAULT-ADDR", "the address of Vault cannot be used", causes: ["it is not http://HOST:PORT or https://HOST:PORT, or it has a path"], fixes: ["correct VAULT_ADDR or address in config.toml"];
    VAULT_NO_TOKEN = "E-VAULT-NO-TOKEN", "no way to log in to Vault", causes: ["neither auth in config.toml, nor VAULT_TOKEN, nor AppRole variables, nor ~/.vault-token"], fixes: ["vault login", "export VAULT_TOKEN=…"];
    VAULT_TOKEN = "E-VAULT-TOKEN", "Vault does not know the token", causes: ["the token was mistyped, or cut off when it was copied", "the token belongs to another server"], fixes: ["vault login", "export VAULT_TOKEN=…"];
    VAULT_TOKEN_EXPIRED = "E-VAULT-TOKEN-EXPIRED", "Vault no longer accepts the token: it has expired or was revoked", causes: ["the token has expired or was revoked", "the token belongs to another server or namespace", "it was a wrapping token: its first use is its last (unwrap it before: vault unwrap)"], fixes: ["vault login"];
    VAULT_LOGIN = "E-VAULT-LOGIN", "Vault refused the login", causes: ["a wrong role id or secret id", "the secret id was used up or has expired"], fixes: ["vault write -f auth/approle/role/ROLE/secret-id"];
    VAULT_LOGIN_NEEDED = "E-VAULT-LOGIN-NEEDED", "Vault needs a login by a person, which no launch does by itself", causes: ["nobody has logged in yet, or the login has ended"], fixes: ["hallpass provider login NAME"];
    VAULT_LOGIN_MOUNT = "E-VAULT-LOGIN-MOUNT", "Vault has no auth method of this kind where the login was sent", causes: ["the auth method is mounted at another path than auth/METHOD", "it is in another namespace", "it was never enabled"], fixes: ["vault auth list   (by those who may), then: mount = \"PATH\" in auth of the provider"];
    VAULT_LOGIN_SETUP = "E-VAULT-LOGIN-SETUP", "the auth method is there and was never configured for this login", causes: ["its configuration was never written, or is one for another kind of login"], fixes: ["vault read auth/MOUNT/config   (by those who may)"];
    VAULT_LOGIN_ROLE = "E-VAULT-LOGIN-ROLE", "the auth method has no such role", causes: ["a typo in role of the provider's auth", "no role is given, and the auth method has no default one"], fixes: ["vault list auth/MOUNT/role   (by those who may), then: role = \"NAME\" in auth of the provider"];
    VAULT_LOGIN_PASSWORD = "E-VAULT-LOGIN-PASSWORD", "Vault does not accept the user name and password", causes: ["a wrong password, or one that was changed since", "a typo in username, or no such user", "the account is locked after too many attempts"], fixes: ["vault login -method=METHOD username=NAME   (shows whether they fit)"];
    VAULT_LOGIN_CERT = "E-VAULT-LOGIN-CERT", "Vault does not accept the client certificate as a login", causes: ["no certificate role of the auth method fits: CA, names or role", "the certificate is expired or revoked"], fixes: ["vault list auth/MOUNT/certs   (by those who may)"];
    VAULT_LOGIN_NO_JWT = "E-VAULT-LOGIN-NO-JWT", "there is no JWT to log in with", causes: ["the file is not there: hallpass does not run where one is written"], fixes: ["jwt_file = \"PATH\" or jwt = { secret = \"…\" } in auth of the provider"];
    VAULT_LOGIN_JWT = "E-VAULT-LOGIN-JWT", "Vault cannot verify the JWT", causes: ["it is signed with a key that the auth method does not know: another issuer or cluster", "it was cut off, or is no JWT"], fixes: ["vault read auth/MOUNT/config   (by those who may): which issuer or keys it trusts"];
    VAULT_LOGIN_JWT_EXPIRED = "E-VAULT-LOGIN-JWT-EXPIRED", "the JWT is not valid at this time", causes: ["it has expired: it was written too long ago", "the clocks of the issuer and of Vault differ"], fixes: ["get a new JWT where this one comes from", "date   (and the same on the server)"];
    VAULT_LOGIN_JWT_AUDIENCE = "E-VAULT-LOGIN-JWT-AUDIENCE", "the JWT is made out for somebody else than Vault's role takes", causes: ["bound_audiences of the role and the JWT's aud differ"], fixes: ["ask for a JWT with the audience of the role, or add its audience to the role"];
    VAULT_LOGIN_JWT_CLAIMS = "E-VAULT-LOGIN-JWT-CLAIMS", "the JWT is valid, and its claims are not those that Vault's role wants", causes: ["bound_claims, bound_subject or the service account of the role do not fit: group, project, branch, namespace"], fixes: ["vault read auth/MOUNT/role/ROLE   (by those who may)", "use a role that fits: role = \"NAME\" in auth of the provider"];
    VAULT_LOGIN_DENIED = "E-VAULT-LOGIN-DENIED", "Vault knows the auth method and denies this login", causes: ["the identity is valid and the role does not take it", "the role takes logins from other addresses only (token_bound_cidrs)", "the user or entity is disabled"], fixes: ["ask those who run the auth method; its audit log has the reason"];
    VAULT_LOGIN_MFA = "E-VAULT-LOGIN-MFA", "Vault wants a second factor for this login, which hallpass cannot give", causes: ["login MFA is enforced on the auth method"], fixes: ["log in with vault login, which writes ~/.vault-token, and use: auth = { method = \"token\" }"];
    VAULT_LOGIN_OIDC = "E-VAULT-LOGIN-OIDC", "the login in the browser came to nothing", causes: ["it was refused or given up at the identity provider", "the page was left open too long: Vault forgets the login after some minutes"], fixes: ["hallpass provider login NAME"];
    VAULT_LOGIN_REDIRECT = "E-VAULT-LOGIN-REDIRECT", "Vault gives no address to log in at", causes: ["the role does not allow the address that the browser comes back to", "a typo in role of the provider's auth"], fixes: ["vault write auth/MOUNT/role/ROLE allowed_redirect_uris=http://localhost:8250/oidc/callback …   (by those who may)"];
    VAULT_WRAP_USED = "E-VAULT-WRAP-USED", "the wrapping token was unwrapped already, or has ended", causes: ["hallpass was started with it before: a wrapping token serves one start", "it was not used within its time to live", "somebody else has unwrapped it: treat that as an incident, for they hold what was in it"], fixes: ["if it was not you: have what it wrapped revoked, and find out who had it", "get a new wrapping token: vault write -wrap-ttl=5m -f auth/approle/role/ROLE/secret-id"];
    VAULT_WRAP_FOREIGN = "E-VAULT-WRAP-FOREIGN", "the wrapping token wraps something else than what is logged in with", causes: ["a mix-up of wrapping tokens", "somebody has unwrapped the true one and wrapped something of their own: treat that as an incident"], fixes: ["get a new wrapping token from whom you trust: vault write -wrap-ttl=5m -f auth/approle/role/ROLE/secret-id"];
    VAULT_RENEW = "E-VAULT-RENEW", "Vault did not renew the token in use; it works until it ends", causes: ["the token's policies lack update on auth/token/renew-self", "Vault could not be reached when it was due"], fixes: ["log in anew before it ends: hallpass provider login NAME, or vault login"];
    VAULT_403 = "E-VAULT-403", "Vault refused to read the secret: the token's policies do not allow it", causes: ["no policy of the token grants read on the path (policies for KV v2 need data/ in it, references do not)", "the path does not exist: Vault hides that as 403"], fixes: ["vault token capabilities PATH"];
    VAULT_404 = "E-VAULT-404", "Vault has no secret at this path", causes: ["a typo in the path", "the secret was never written, or all of it was deleted"], fixes: ["vault kv list MOUNT"];
    VAULT_404_KEY = "E-VAULT-404-KEY", "the secret is there, the key in it is not", causes: ["the key was renamed, or never written"], fixes: ["correct the key in the reference"];
    VAULT_NO_MOUNT = "E-VAULT-NO-MOUNT", "Vault has no secrets engine at this mount", causes: ["a typo in the mount", "the mount is in another namespace"], fixes: ["vault secrets list"];
    VAULT_KV_VERSION = "E-VAULT-KV-VERSION", "the mount is of the other KV version", causes: ["the reference says KV v1 and the mount is v2, or the other way round"], fixes: ["use _envs/vault/… or vault:…, which find the version out"];
    VAULT_DELETED_VERSION = "E-VAULT-DELETED-VERSION", "this version of the secret was deleted or destroyed", causes: ["somebody deleted it, or its delete_version_after is over", "somebody destroyed it, which nobody can undo"], fixes: ["vault kv undelete -versions=N PATH", "pin another version, or none"];
    VAULT_NO_VERSION = "E-VAULT-NO-VERSION", "the secret never had this version", causes: ["a typo in version", "the version is older than the oldest that Vault keeps (max_versions)", "the secret was deleted whole and written anew"], fixes: ["vault kv metadata get PATH"];
    VAULT_NAMESPACE = "E-VAULT-NAMESPACE", "Vault has no such namespace", causes: ["a typo in VAULT_NAMESPACE or namespace in config.toml"], fixes: ["vault namespace list"];
    VAULT_SEALED = "E-VAULT-SEALED", "Vault is sealed", causes: ["it was restarted and nobody has unsealed it yet"], fixes: ["vault operator unseal   (by those who hold the keys)"];
    VAULT_UNINITIALISED = "E-VAULT-UNINITIALISED", "Vault was never initialised", causes: ["the address is that of a new server"], fixes: ["vault operator init"];
    VAULT_STANDBY = "E-VAULT-STANDBY", "this node of Vault is a standby and does not answer", causes: ["the address is that of one node, not of the cluster"], fixes: ["set the address to the cluster's"];
    VAULT_DB_CREATE = "E-VAULT-DB-CREATE", "Vault could not make a user in the database", causes: ["the database is down, or Vault cannot reach it", "the account that Vault has in the database was changed, or may not make users", "the role's creation_statements fail in this database"], fixes: ["vault read MOUNT/config/NAME   (which database it is)", "vault read MOUNT/creds/ROLE   (shows the whole error to an administrator)"];
    VAULT_DB_ROLE = "E-VAULT-DB-ROLE", "the secrets engine has no such role", causes: ["a typo in the role", "the role is in another mount"], fixes: ["vault list MOUNT/roles"];
    VAULT_LEASE_ENDED = "E-VAULT-LEASE-ENDED", "the credential is over: Vault no longer knows its lease", causes: ["it reached its end, or somebody revoked it", "the token that it was made with has expired, and everything made with it ended too"], fixes: ["open the role again"];
    VAULT_LEASE_403 = "E-VAULT-LEASE-403", "Vault does not let this login renew or revoke the credential", causes: ["no policy of the token grants update on sys/leases/renew, sys/leases/revoke or auth/token/revoke-accessor"], fixes: ["let a policy of the token have: path \"sys/leases/revoke\" { capabilities = [\"update\"] }"];
    VAULT_RATE = "E-VAULT-RATE", "Vault limits the rate of requests", causes: ["a rate limit quota of the server, or of a proxy before it, is used up"], fixes: ["wait, then try again"];

    // --- AWS
    AWS_REGION = "E-AWS-REGION", "no region is known to ask AWS in", causes: ["neither the reference, nor region of the provider, nor AWS_REGION, nor the profile says one"], fixes: ["export AWS_REGION=eu-west-1", "aws configure set region eu-west-1"];
    AWS_PROFILE = "E-AWS-PROFILE", "a profile of the AWS clients is missing or cannot be used", causes: ["AWS_PROFILE, or profile in config.toml, names another profile than is meant", "~/.aws/config or ~/.aws/credentials has a mistake"], fixes: ["aws configure list-profiles"];
    AWS_NOCRED = "E-AWS-NOCRED", "no credentials for AWS were found", causes: ["nobody has logged in on this machine", "hallpass was started from a place where the variables are not exported"], fixes: ["aws configure sso   (or: export AWS_PROFILE=NAME)", "imds = true in the provider's configuration, on a machine whose own role is meant"];
    AWS_EXPIRED_SSO = "E-AWS-EXPIRED-SSO", "the SSO login has expired, or there never was one", causes: ["the session ended: they last 8 hours unless the company says otherwise"], fixes: ["hallpass provider login NAME", "aws sso login --profile PROFILE"];
    AWS_SSO = "E-AWS-SSO", "the SSO login does not give the role", causes: ["the permission set or the account is not assigned to this person", "sso_account_id or sso_role_name in ~/.aws/config is mistyped"], fixes: ["look at the start page which accounts and roles are offered, then correct the profile"];
    AWS_PROCESS = "E-AWS-PROCESS", "the profile's credential_process gave no credentials", causes: ["the program failed, or waited for somebody to answer", "its output is not the JSON that AWS' clients read"], fixes: ["run the command of credential_process in a terminal and see what it says"];
    AWS_WEB_IDENTITY = "E-AWS-WEB-IDENTITY", "the role was not given for the web identity token", causes: ["the token has expired", "the role's trust policy does not name the issuer, the audience or the subject of the token"], fixes: ["aws iam get-role --role-name ROLE --query Role.AssumeRolePolicyDocument"];
    AWS_ASSUME = "E-AWS-ASSUME", "the role was not given: sts:AssumeRole is denied", causes: ["the role's trust policy does not name the principal that asks", "the principal's own policies do not allow sts:AssumeRole on the role", "the trust policy asks for an external id, another one, or MFA"], fixes: ["aws iam get-role --role-name ROLE --query Role.AssumeRolePolicyDocument"];
    AWS_DENIED = "E-AWS-DENIED", "AWS does not allow it: a policy is missing, or one forbids it", causes: ["no policy of the principal allows the action on the secret", "the secret's own policy, a permission boundary or the organisation forbids it"], fixes: ["aws sts get-caller-identity   (as whom hallpass comes)", "allow secretsmanager:GetSecretValue on the secret; with secretsmanager:DescribeSecret beside it a check need not read the value"];
    AWS_NOTFOUND = "E-AWS-NOTFOUND", "Secrets Manager has no secret of this name in this region", causes: ["a typo in the name", "the secret is in another region or account", "a name that ends in a hyphen and six characters is taken for part of an ARN"], fixes: ["aws secretsmanager list-secrets --query 'SecretList[].Name'"];
    AWS_DELETED = "E-AWS-DELETED", "the secret is marked for deletion and cannot be read", causes: ["somebody deleted it; until the recovery window ends it can be restored"], fixes: ["aws secretsmanager restore-secret --secret-id NAME"];
    AWS_NO_VALUE = "E-AWS-NO-VALUE", "the secret is there and has no value", causes: ["it was created without a value, and none was ever put into it"], fixes: ["aws secretsmanager put-secret-value --secret-id NAME --secret-string file:///dev/stdin"];
    AWS_NO_VERSION = "E-AWS-NO-VERSION", "the secret has no such version or stage", causes: ["the version was never there, or is too old to be kept", "the stage is spelled otherwise: AWSCURRENT, AWSPREVIOUS, AWSPENDING"], fixes: ["aws secretsmanager list-secret-version-ids --secret-id NAME"];
    AWS_KMS = "E-AWS-KMS", "the secret cannot be decrypted", causes: ["the principal may not use the secret's KMS key (kms:Decrypt)", "the key was disabled, or is to be deleted"], fixes: ["aws secretsmanager describe-secret --secret-id NAME --query KmsKeyId", "aws kms describe-key --key-id KEY"];
    AWS_NOT_JSON = "E-AWS-NOT-JSON", "a key was asked of an AWS secret that is not a JSON object", causes: ["the secret is one text (\"Plaintext\" in the console), not key and value pairs", "the secret is binary"], fixes: ["leave the key out of the reference to get the whole text", "store it as key and value pairs"];
    AWS_KEY = "E-AWS-KEY", "AWS does not know the access key", causes: ["the key was deleted or deactivated", "it belongs to another partition or endpoint (China, GovCloud, an emulator)", "temporary keys without their session token"], fixes: ["aws sts get-caller-identity", "aws iam list-access-keys"];
    AWS_SIGNATURE = "E-AWS-SIGNATURE", "the secret access key does not fit the access key", causes: ["the secret key was mistyped, or cut off when it was copied", "key and secret come from two different pairs", "something in between changes the request"], fixes: ["aws configure   (enter both keys anew)"];
    AWS_TOKEN_EXPIRED = "E-AWS-TOKEN-EXPIRED", "the session token has expired", causes: ["temporary credentials were exported and have run out"], fixes: ["get new credentials, export them, then start hallpass again"];
    AWS_CLOCK = "E-AWS-CLOCK", "AWS refuses the signature because of this machine's clock", causes: ["the clock is more than five minutes wrong"], fixes: ["timedatectl set-ntp true   (or: date, and correct it)"];
    AWS_THROTTLED = "E-AWS-THROTTLED", "AWS limits the rate of requests", causes: ["the account reads its secrets more often than its quota allows"], fixes: ["wait, then try again"];
    AWS_RDS_REGION = "E-AWS-RDS-REGION", "nothing says in which region a database is", causes: ["the host is a name of your own, not the one that AWS gave the database"], fixes: ["in config.toml: region = \"eu-west-1\" in [providers.aws]", "give the role the name that AWS gave: NAME.ID.REGION.rds.amazonaws.com"];
    AWS_RDS_SIGN = "E-AWS-RDS-SIGN", "no login token for a database can be signed", causes: ["the host or the user holds a character that no address can"], fixes: ["correct the host in the role"];
    // --- Azure Key Vault
    AZURE_NO_URL = "E-AZURE-NO-URL", "the vault's address is not known", causes: ["AZURE_VAULT_URL is not set, and config.toml has no [providers.azure] url"], fixes: ["export AZURE_VAULT_URL=https://VAULT.vault.azure.net   or url in config.toml"];
    AZURE_URL = "E-AZURE-URL", "the vault's address cannot be used", causes: ["AZURE_VAULT_URL or url in config.toml is not https://VAULT.vault.azure.net"], fixes: ["export AZURE_VAULT_URL=https://VAULT.vault.azure.net   or url in config.toml", "az keyvault show --name VAULT --query properties.vaultUri"];
    AZURE_NO_LOGIN = "E-AZURE-NO-LOGIN", "there is no way to log in to Azure", causes: ["neither an application's credentials nor a managed identity nor Azure CLI is there"], fixes: ["az login", "export AZURE_TENANT_ID=… AZURE_CLIENT_ID=… AZURE_CLIENT_SECRET=…"];
    AZURE_SECRET = "E-AZURE-SECRET", "Entra ID does not accept the client secret", causes: ["the secret's id was copied instead of its value", "the secret was replaced or removed", "it is the secret of another app"], fixes: ["correct AZURE_CLIENT_SECRET, or client_secret in config.toml"];
    AZURE_SECRET_EXPIRED = "E-AZURE-SECRET-EXPIRED", "the client secret has expired", causes: ["client secrets of Entra ID end after at most two years"], fixes: ["az ad app credential reset --id CLIENT_ID --append"];
    AZURE_APP = "E-AZURE-APP", "the tenant has no such application", causes: ["a typo in AZURE_CLIENT_ID or client_id", "the app is registered in another tenant: correct AZURE_TENANT_ID or tenant_id", "the app was deleted"], fixes: ["az ad sp show --id CLIENT_ID"];
    AZURE_TENANT = "E-AZURE-TENANT", "Entra ID has no such tenant", causes: ["a typo in AZURE_TENANT_ID or tenant_id", "the tenant is in another cloud: correct cloud or authority_host"], fixes: ["az account show --query tenantId"];
    AZURE_CERTIFICATE = "E-AZURE-CERTIFICATE", "the client certificate cannot be used", causes: ["the file is missing, cannot be read, is encrypted, or is not PEM", "it does not hold both the certificate and its RSA key"], fixes: ["openssl pkcs12 -in FILE.pfx -nodes -out azure.pem   (makes such a file)", "correct AZURE_CLIENT_CERTIFICATE_PATH, or client_certificate in config.toml"];
    AZURE_ASSERTION = "E-AZURE-ASSERTION", "Entra ID does not accept the assertion of the application", causes: ["the certificate is not uploaded to the app, or was removed from it", "the certificate is that of another app", "the token that was given as an assertion is not one, or its issuer's keys are not known"], fixes: ["correct AZURE_CLIENT_CERTIFICATE_PATH, or client_certificate or client_assertion in config.toml"];
    AZURE_ASSERTION_TIME = "E-AZURE-ASSERTION-TIME", "the assertion is not valid at this time", causes: ["this machine's clock is wrong", "the token that was given as an assertion has expired"], fixes: ["date -u   (compare with a clock that is right)", "have the platform issue a new token"];
    AZURE_FEDERATION = "E-AZURE-FEDERATION", "the application does not trust the workload's token", causes: ["the app has no federated credential for this issuer, subject and audience", "the workload runs under another service account than the credential names"], fixes: ["az ad app federated-credential list --id CLIENT_ID"];
    AZURE_TOKEN_FILE = "E-AZURE-TOKEN-FILE", "the workload's token file cannot be read", causes: ["AZURE_FEDERATED_TOKEN_FILE or federated_token_file names a file that is not there", "hallpass runs outside the pod, or the pod has no workload identity"], fixes: ["ls -l \"$AZURE_FEDERATED_TOKEN_FILE\""];
    AZURE_LOGIN = "E-AZURE-LOGIN", "Entra ID refused the login", causes: ["the number of the refusal says why: a policy, a disabled app, a missing consent"], fixes: ["https://login.microsoftonline.com/error   explains the number AADSTS…"];
    AZURE_METADATA = "E-AZURE-METADATA", "this machine has no metadata service", causes: ["hallpass does not run on a machine in Azure", "a firewall or a container keeps it from 169.254.169.254"], fixes: ["choose another login: credential = \"cli\" or \"secret\" in config.toml"];
    AZURE_IDENTITY = "E-AZURE-IDENTITY", "the machine gave no token of a managed identity", causes: ["no managed identity is assigned to this machine", "AZURE_CLIENT_ID or client_id names an identity that is not assigned to it", "it has several, and client_id names none"], fixes: ["az vm identity show --resource-group GROUP --name MACHINE", "choose another login: credential in config.toml"];
    AZURE_CLI_MISSING = "E-AZURE-CLI-MISSING", "Azure CLI is not installed", causes: ["az is not on PATH"], fixes: ["install the package azure-cli, then: az login", "choose another login: credential in config.toml"];
    AZURE_CLI_LOGIN = "E-AZURE-CLI-LOGIN", "nobody is logged in to Azure CLI", causes: ["nobody has logged in on this machine", "the login has ended, or a policy wants a new one"], fixes: ["az login"];
    AZURE_CLI = "E-AZURE-CLI", "Azure CLI gave no token", causes: ["az is broken or very old"], fixes: ["az account get-access-token --scope https://vault.azure.net/.default --query expiresOn   shows what az says itself"];
    AZURE_CHALLENGE = "E-AZURE-CHALLENGE", "the server asks for a token that is not a Key Vault's to have", causes: ["the address is not that of a Key Vault, or something stands in between", "the vault is reached by a name of your own (a private link, a proxy)"], fixes: ["correct url (AZURE_VAULT_URL)", "if the name is your own: allow_custom_host = true in config.toml"];
    AZURE_401 = "E-AZURE-401", "the vault does not accept the token", causes: ["the vault belongs to another tenant than the login", "the login was revoked a moment ago", "authority_host or cloud is that of another cloud"], fixes: ["az keyvault show --name VAULT --query properties.tenantId   and compare with tenant_id (AZURE_TENANT_ID)"];
    AZURE_WRONG_TENANT = "E-AZURE-WRONG-TENANT", "the vault belongs to another tenant than the login", causes: ["AZURE_TENANT_ID or tenant_id is that of another directory", "the address is that of another company's or environment's vault"], fixes: ["set tenant_id (AZURE_TENANT_ID) to the vault's tenant, with an app of that tenant"];
    AZURE_DENIED = "E-AZURE-DENIED", "Key Vault refused the request", causes: ["the principal has no role that lets it read secrets here", "a role was given a moment ago: it takes up to ten minutes to be in force"], fixes: ["az role assignment create --role \"Key Vault Secrets User\" --assignee CLIENT_ID --scope VAULT_ID", "az keyvault set-policy --name VAULT --spn CLIENT_ID --secret-permissions get list   (a vault with access policies)"];
    AZURE_FIREWALL = "E-AZURE-FIREWALL", "the vault's firewall refuses this machine", causes: ["the address of this machine is not among those that the vault lets in", "the vault is open to a private endpoint alone, and the VPN is down"], fixes: ["az keyvault network-rule add --name VAULT --ip-address ADDRESS", "connect to the network that the vault trusts"];
    AZURE_NOTFOUND = "E-AZURE-NOTFOUND", "the vault has no such secret", causes: ["a typo in the name", "the secret was deleted, or is in another vault"], fixes: ["az keyvault secret list --vault-name VAULT --query [].name"];
    AZURE_NO_VERSION = "E-AZURE-NO-VERSION", "the secret has no such version", causes: ["a typo in the version"], fixes: ["az keyvault secret list-versions --vault-name VAULT --name NAME"];
    AZURE_DELETED = "E-AZURE-DELETED", "the secret was deleted and can still be recovered", causes: ["somebody deleted it"], fixes: ["az keyvault secret recover --vault-name VAULT --name NAME"];
    AZURE_DISABLED = "E-AZURE-DISABLED", "the secret is disabled", causes: ["somebody disabled this version"], fixes: ["az keyvault secret set-attributes --vault-name VAULT --name NAME --enabled true"];
    AZURE_NOT_YET = "E-AZURE-NOT-YET", "the secret is not valid at this time, and the vault refuses it", causes: ["it is not valid yet, or has expired"], fixes: ["az keyvault secret show --vault-name VAULT --name NAME --query attributes"];
    AZURE_THROTTLED = "E-AZURE-THROTTLED", "Azure limits the rate of requests", causes: ["many clients ask the same vault, or the same identity logs in often"], fixes: ["wait, then try again"];
    // --- Google Secret Manager
    GCP_NOCRED = "E-GCP-NOCRED", "no way to log in to Google", causes: ["neither credentials in config.toml, nor GOOGLE_APPLICATION_CREDENTIALS, nor a gcloud login, nor a machine of Google"], fixes: ["gcloud auth application-default login", "export GOOGLE_APPLICATION_CREDENTIALS=FILE"];
    GCP_CREDENTIALS = "E-GCP-CREDENTIALS", "the credentials for Google cannot be used", causes: ["the file was cut off, edited, or is another one: an OAuth client's, an API key"], fixes: ["gcloud auth application-default login", "correct credentials in config.toml or GOOGLE_APPLICATION_CREDENTIALS"];
    GCP_401 = "E-GCP-401", "Google does not accept the token", causes: ["the account was deleted or disabled, or its sessions were ended", "the clock of this machine is wrong"], fixes: ["gcloud auth application-default login"];
    GCP_KEY_REVOKED = "E-GCP-KEY-REVOKED", "Google does not know the service account's key", causes: ["the key was deleted or disabled, or has expired", "the service account was deleted"], fixes: ["make a new key, or better: let the machine's own account or identity federation log in"];
    GCP_REAUTH = "E-GCP-REAUTH", "the person has to log in to Google again", causes: ["the login has expired or was revoked", "the password was changed, or the organisation limits how long a login lasts"], fixes: ["gcloud auth application-default login"];
    GCP_FEDERATION = "E-GCP-FEDERATION", "Google does not accept the identity of another provider", causes: ["the identity's token has expired", "its issuer, audience or attributes are not those that the pool's provider accepts"], fixes: ["gcloud iam workload-identity-pools providers describe PROVIDER --workload-identity-pool=POOL --location=global"];
    GCP_HELPER = "E-GCP-HELPER", "the program that the credentials name gives no identity", causes: ["programs are run only where GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES is 1: the credentials may be somebody else's", "the program is missing, needs a person, or failed"], fixes: ["export GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1   (if you trust the file of credentials)", "run the program by hand to see what it says"];
    GCP_IMPERSONATE = "E-GCP-IMPERSONATE", "Google does not let the login act as the service account", causes: ["the login lacks iam.serviceAccounts.getAccessToken on the service account", "there is no such service account"], fixes: ["gcloud iam service-accounts add-iam-policy-binding ACCOUNT --member=MEMBER --role=roles/iam.serviceAccountTokenCreator"];
    GCP_NO_ACCOUNT = "E-GCP-NO-ACCOUNT", "this machine of Google has no service account", causes: ["the machine was made without one, or the pod's is not bound to one"], fixes: ["gcloud compute instances set-service-account INSTANCE --service-account=ACCOUNT --scopes=cloud-platform"];
    GCP_SCOPE = "E-GCP-SCOPE", "the token's scopes do not include Secret Manager", causes: ["the machine was made with the default scopes, which leave it out"], fixes: ["gcloud compute instances set-service-account INSTANCE --scopes=cloud-platform   (the machine must be stopped)"];
    GCP_DENIED = "E-GCP-DENIED", "Google refused to read the secret: the principal lacks the permission", causes: ["the principal lacks secretmanager.versions.access on the secret", "the secret or the project does not exist: Google hides that as 403"], fixes: ["gcloud secrets add-iam-policy-binding SECRET --member=MEMBER --role=roles/secretmanager.secretAccessor"];
    GCP_PERIMETER = "E-GCP-PERIMETER", "a service perimeter (VPC Service Controls) refuses the request", causes: ["the request comes from outside the perimeter that the project is in"], fixes: ["connect by the network that the perimeter allows, or ask for an access level"];
    GCP_NOTFOUND = "E-GCP-NOTFOUND", "Google has no such secret, or it has no version", causes: ["a typo in the name", "the secret is in another project or location", "the secret was made and no version was added yet"], fixes: ["gcloud secrets list --project=PROJECT"];
    GCP_NO_VERSION = "E-GCP-NO-VERSION", "the secret is there, the version or alias is not", causes: ["a typo in the number or the alias", "the alias was removed from the secret"], fixes: ["gcloud secrets versions list SECRET"];
    GCP_DISABLED = "E-GCP-DISABLED", "this version of the secret is disabled", causes: ["somebody disabled it, often because a newer version took its place"], fixes: ["gcloud secrets versions enable VERSION --secret=SECRET", "pin another version, or none"];
    GCP_DESTROYED = "E-GCP-DESTROYED", "this version of the secret was destroyed, which nobody can undo", causes: ["somebody destroyed it, often because a newer version took its place"], fixes: ["gcloud secrets versions add SECRET --data-file=-", "pin another version, or none"];
    GCP_PROJECT = "E-GCP-PROJECT", "no project of Google, or one that is not there", causes: ["a typo in the project's id", "the project was deleted"], fixes: ["gcloud projects list"];
    GCP_API_DISABLED = "E-GCP-API-DISABLED", "the Secret Manager API is not enabled in the project", causes: ["the project has never used Secret Manager"], fixes: ["gcloud services enable secretmanager.googleapis.com --project=PROJECT"];
    GCP_CHECKSUM = "E-GCP-CHECKSUM", "the content of the secret is not what its checksum says, and is not used", causes: ["it was damaged on its way, or by a proxy in between"], fixes: ["try again"];
    GCP_THROTTLED = "E-GCP-THROTTLED", "Google limits the rate of requests", causes: ["the project's quota of accesses a minute is used up"], fixes: ["wait a minute, then try again"];

    // --- Kubernetes
    K8S_NOCONFIG = "E-K8S-NOCONFIG", "there is no kubeconfig, and hallpass does not run inside a pod", causes: ["nobody has logged in to a cluster on this machine", "KUBECONFIG names files that are not there"], fixes: ["export KUBECONFIG=FILE   or kubeconfig = \"FILE\" in [providers.k8s]"];
    K8S_KUBECONFIG = "E-K8S-KUBECONFIG", "a kubeconfig cannot be used", causes: ["it is not YAML, cannot be read, or an entry in it is incomplete"], fixes: ["kubectl config view"];
    K8S_NOCTX = "E-K8S-NOCTX", "the kubeconfig has no such context, or none is chosen", causes: ["a typo in context", "the context is in another kubeconfig"], fixes: ["kubectl config get-contexts", "context = \"NAME\"   in [providers.k8s]"];
    K8S_401 = "E-K8S-401", "the cluster does not accept the login", causes: ["the token or the client certificate of the kubeconfig's user has expired or was revoked"], fixes: ["log in to the cluster again in your usual way, then: kubectl auth whoami"];
    K8S_403 = "E-K8S-403", "the cluster's rules do not let the user do it", causes: ["no Role or ClusterRole of the user has the verb on secrets in this namespace"], fixes: ["kubectl auth can-i get secrets -n NAMESPACE"];
    K8S_NOTFOUND = "E-K8S-NOTFOUND", "the namespace has no such secret", causes: ["a typo in the name", "the secret is in another namespace or cluster"], fixes: ["kubectl get secrets -n NAMESPACE"];
    K8S_NAMESPACE = "E-K8S-NAMESPACE", "the cluster has no such namespace", causes: ["a typo in the namespace", "the context is that of another cluster"], fixes: ["kubectl get namespaces"];
    K8S_RATE = "E-K8S-RATE", "the cluster limits the rate of requests", causes: ["its priority and fairness rules, or a proxy before it"], fixes: ["wait, then try again"];
    K8S_EXEC_FAILED = "E-K8S-EXEC-FAILED", "the program that logs in for the kubeconfig's user failed", causes: ["its own login has expired, or it wants to ask something"], fixes: ["run it by hand, then try again: kubectl auth whoami"];
    K8S_EXEC_MISSING = "E-K8S-EXEC-MISSING", "the program that logs in for the kubeconfig's user is not installed", causes: ["it is not on PATH"], fixes: ["install it, or correct PATH"];
    K8S_EXEC_DENIED = "E-K8S-EXEC-DENIED", "the kubeconfig would run a program, which is allowed for the person's own kubeconfig alone", causes: ["the kubeconfig belongs to somebody else, others can change it, or the system's configuration names it"], fixes: ["if you trust the file: allow_exec = true   in [providers.k8s]"];

    // --- the client program and the session
    CLIENT_MISSING = "E-CLIENT-MISSING", "the program that opens this role is not installed", causes: ["it is not on PATH"], fixes: ["install it, or correct PATH or the role's command"];
    CLIENT_NOT_EXECUTABLE = "E-CLIENT-NOT-EXECUTABLE", "the program that opens this role cannot be executed", causes: ["the file is not executable, or not a program"], fixes: ["chmod +x FILE"];
    CLIENT_VERSION = "E-CLIENT-VERSION", "the program that opens this kind of role is older than what it is needed for", causes: ["the system's packages are old"], fixes: ["install a newer version of it"];
    CLIENT_START = "E-CLIENT-START", "the program could not be started", causes: ["the program, or the interpreter in its first line, is not one for this machine", "the limit of processes or of memory is reached"], fixes: ["run it by hand to see what it says", "hallpass doctor"];
    CONNECTOR_NOT_BUILT = "E-CONNECTOR-NOT-BUILT", "this connector is not built yet", causes: ["it waits for a later version"], fixes: ["use one of the connectors that are built, or exec"];
    TTY_REQUIRED = "E-TTY-REQUIRED", "this needs a terminal", causes: ["standard input or output is not a terminal"], fixes: ["hallpass exec ROLE -- CMD…   works without one"];

    // --- recordings
    REC_CREATE = "E-REC-CREATE", "the recording of a session cannot be made", causes: ["the state folder belongs to somebody else, or cannot be written"], fixes: ["hallpass paths   says where recordings lie; --state-dir or HALLPASS_STATE_DIR move them"];
    REC_DISK = "E-REC-DISK", "the disk is full", causes: ["there is no room left where recordings lie, or a quota is used up"], fixes: ["make room, or: hallpass recordings prune --older-than 30d"];
    REC_WRITE = "E-REC-WRITE", "the recording cannot be written", causes: ["the disk or the network folder where recordings lie is broken or gone"], fixes: ["hallpass paths   says where recordings lie; --state-dir or HALLPASS_STATE_DIR move them"];
    REC_SLOW = "E-REC-SLOW", "the disk took nothing for seconds", causes: ["the disk or the network folder where recordings lie hangs"], fixes: ["put recordings on a local disk: --state-dir or HALLPASS_STATE_DIR"];
    REC_SIZE = "E-REC-SIZE", "the recording has reached its largest size", causes: ["the session printed more than [recordings] max_mb"], fixes: ["max_mb = 4096   in [recordings] of config.toml", "record = false   in a role that only moves data"];
    REC_REQUIRED = "E-REC-REQUIRED", "the role's sessions have to be recorded", causes: ["its policy, its environment's or the defaults' says record = \"required\""], fixes: ["leave --no-record out"];
    REC_RECIPIENT = "E-REC-RECIPIENT", "recordings cannot be sealed for whom they should be", causes: ["a recipient in [recordings] is not a public key of age: age1 and 58 more characters"], fixes: ["age-keygen -y IDENTITY   prints the recipient of an identity"];
    REC_UNKNOWN = "E-REC-UNKNOWN", "there is no such recording", causes: ["a typo in the session's id", "its time was over, and it was removed"], fixes: ["hallpass recordings list"];
    REC_READ = "E-REC-READ", "a recording or the folder of recordings cannot be read", causes: ["it belongs to somebody else"], fixes: ["hallpass paths   says where recordings lie"];
    REC_SEALED = "E-REC-SEALED", "the recording is sealed", causes: ["only the recipients in [recordings] at that time can read it"], fixes: ["add --identity FILE   with the identity of a recipient"];
    REC_IDENTITY = "E-REC-IDENTITY", "an identity cannot open the recording", causes: ["the file is missing or is no identity file of age", "it is not the identity of a recipient"], fixes: ["age-keygen -y IDENTITY   prints whose it is; compare with recipients in [recordings]"];
    FILTER = "E-FILTER", "a filter names a value that is not there", causes: [], fixes: ["hallpass help filters"];
    FILTER_FIELD = "E-FILTER-FIELD", "a filter names a field that there is not", causes: ["a typo in the field", "a text with a colon that is no field: it needs double quotes"], fixes: ["hallpass help filters"];
    USAGE = "E-USAGE", "the command cannot be used like this", causes: [], fixes: ["hallpass --help"];
    IO = "E-IO", "the system refused a file or a process", causes: ["the file or its folder belongs to somebody else, or is not there", "the disk is full, or the limit of open files or processes is reached"], fixes: ["hallpass paths   (which folders are used)", "hallpass doctor"];

    // --- recordings that are read
    REC_FORMAT = "E-REC-FORMAT", "the file is no recording that can be played", causes: ["it is not an asciicast (v1, v2 or v3), or something else was written into its first line"], fixes: ["head -c 200 FILE   (the first line of an asciicast is a JSON object with \"version\")"];
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

    /// Mistakes in a file, on a command line or in a filter, whose own sentence is the cause.
    const SHOWN: &[&Code] = &[
        &CONFIG_SYNTAX,
        &CONFIG_UNKNOWN_KEY,
        &CONFIG_TYPE,
        &CONFIG_MISSING_KEY,
        &CONFIG_UNKNOWN_NAME,
        &CONFIG_DUPLICATE,
        &CONFIG_CYCLE,
        &CONFIG_NAME,
        &CONFIG_DANGEROUS_ENV,
        &CONFIG_REF_SYNTAX,
        &USAGE,
        &FILTER,
    ];

    #[test]
    fn every_code_says_why_and_what_to_do() {
        for code in CODES {
            assert!(!code.causes.is_empty() || SHOWN.contains(code), "{}", code.id);
            assert!(!code.fixes.is_empty(), "{}", code.id);
            let mut words = code.causes.iter().chain(code.fixes);
            assert!(words.all(|word| !word.trim().is_empty()), "{}", code.id);
        }
    }
}
