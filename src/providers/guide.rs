//! What a person needs to know to set up each kind of provider, for `hallpass help providers`. The keys are not here: they are the
//! configuration's own list.

/// One kind of provider, in the words of its users.
pub struct Guide {
    /// What it reads.
    pub reads: &'static str,
    /// The logins, in the order in which they are looked for.
    pub logins: &'static [&'static str],
    /// What is to be said of all of them; may be empty.
    pub remark: &'static str,
    /// How a field names one of its secrets.
    pub reference: &'static str,
    /// A `[providers.NAME]` block that is right as it stands.
    pub example: &'static str,
}

pub(super) const VAULT: Guide = Guide {
    reads: "KV v1 and v2 (versions, too), database credentials and any other read that returns a lease; OpenBao as well",
    logins: &[
        "auth of the block: approle, kubernetes, jwt, userpass, ldap, cert, token; oidc and a password that is asked for need you once: hallpass provider login NAME",
        "token of the block",
        "provider vault alone: VAULT_TOKEN, else VAULT_APP_ROLE_ID with VAULT_APP_ROLE_SECRET_ID, else ~/.vault-token",
    ],
    remark: "a database credential is safe from a kill -9 in every moment where the policy grants update on auth/token/create and \
             auth/token/revoke-accessor (or token_role of the block, and update on auth/token/create/ROLE): it is then made with a token of its \
             own. Elsewhere one whose answer is under way at that moment stays until it expires",
    reference: "_envs/vault/secret/databases/orders#password",
    example: "\
[providers.vault-eu]
kind = \"vault\"
address = \"https://vault.example.com:8200\"
auth = { method = \"oidc\", role = \"dba\" }",
};

pub(super) const AWS: Guide = Guide {
    reads: "Secrets Manager: names and ARNs, text and binary, versions and stages; login tokens for RDS",
    logins: &[
        "AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, unless the block names a profile",
        "the profile, of the block or AWS_PROFILE or default: role_arn, sso, keys, credential_process; sso needs you once: hallpass provider login NAME",
        "AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN",
        "the container's role (ECS, EKS)",
        "with imds = true, the machine's role (EC2)",
    ],
    remark: "role_arn of the block is a role that is taken on with whichever login there is. A token for RDS travels with TLS alone: \
             MariaDB's client then wants to know the authority of RDS, args = [\"--ssl-ca=FILE\"] in the role",
    reference: "_aws:prod/mysql/cart:password",
    example: "\
[providers.aws]
region = \"eu-west-1\"
profile = \"work\"",
};

pub(super) const AZURE: Guide = Guide {
    reads: "Key Vault: secrets and their versions",
    logins: &[
        "a client secret, a client certificate, a client assertion, workload identity: the first that is set up",
        "else managed identity, and where the machine has none, Azure CLI",
    ],
    remark: "credential = \"…\" takes one login alone; the variables AZURE_… count for provider azure, and with credential",
    reference: "_azure:db-password",
    example: "\
[providers.azure]
url = \"https://company.vault.azure.net\"
credential = \"cli\"",
};

pub(super) const GCP: Guide = Guide {
    reads: "Secret Manager: versions and aliases, global and regional secrets",
    logins: &[
        "credentials of the block: a file or { secret = \"…\" } with a service account, a federated or an impersonated identity, a gcloud user",
        "provider gcp alone: GOOGLE_APPLICATION_CREDENTIALS",
        "gcloud's own login (gcloud auth application-default login)",
        "the metadata server of Google's machines",
    ],
    remark: "",
    reference: "_gcp:db-password",
    example: "\
[providers.gcp]
project = \"my-project\"",
};

pub(super) const K8S: Guide = Guide {
    reads: "Secret objects",
    logins: &[
        "the context of a kubeconfig: client certificate, token, token file, exec plugin, password. It is the block's kubeconfig, else KUBECONFIG, else ~/.kube/config",
        "provider k8s alone, inside a pod: its service account",
    ],
    remark: "",
    reference: "_envs/k8s/payments/db#password",
    example: "\
[providers.k8s]
context = \"prod-eu\"",
};

pub(super) const ENV: Guide = Guide {
    reads: "the environment of hallpass itself",
    logins: &[],
    remark: "",
    reference: "_envs/DB_PASSWORD",
    example: "\
[providers.env]
description = \"What the CI job sets\"",
};

pub(super) const ENV_JSON: Guide = Guide {
    reads: "a JSON object in a variable of that environment",
    logins: &[],
    remark: "",
    reference: "_envjson:APP_SECRETS:api_key",
    example: "\
[providers.envjson]
description = \"What the CI job sets\"",
};

pub(super) const LOCAL: Guide = Guide {
    reads: "an encrypted file of your own, written by hallpass secret set",
    logins: &[
        "the key file beside it (0600), or HALLPASS_STORE_KEY_FILE; a passphrase is asked for if the key has one",
    ],
    remark: "",
    reference: "_local:db/orders:password",
    example: "\
[providers.local]
path = \"~/secrets/store.age\"",
};
