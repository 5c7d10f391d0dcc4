//! Logins to Google that take a step more than others: programs that print an identity, accounts behind accounts, a machine whose server
//! fails, the project that requests are counted for. Google's own client is told the same, and ours does as it does.

use serde_json::{Value, json};

use crate::gcp::{
    FULL, PROJECT, READER, bare, federated, googles_own_with, impersonation_url, logged_in, person, reads, refused,
    service_account, text,
};
use crate::liar::{Liar, http};
use crate::sandbox::Sandbox;
use crate::servers::servers;

/// Allows credentials to run programs.
const ALLOWED: (&str, &str) = ("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1");

/// A login, and what comes of it: the version that Google's client reads or the error that it raises, and our code for the error.
type Login = (Value, &'static str, Option<&'static str>);

/// Both clients read the secret with each login, or neither does. Both have these variables.
#[track_caller]
fn same(env: &[(&str, &str)], logins: &[Login]) {
    let name = text("hunter22");
    let ask = format!("projects/{PROJECT}/secrets/{name}/versions/latest");
    let questions: Vec<(&Value, &str)> = logins.iter().map(|(login, ..)| (login, ask.as_str())).collect();
    let answers = googles_own_with(env, &questions);
    assert_eq!(answers.len(), logins.len());
    for (at, ((login, theirs, ours), answer)) in logins.iter().zip(&answers).enumerate() {
        let short = answer["error"].as_str().or(answer["version"].as_str()).unwrap();
        assert_eq!(short, *theirs, "login {at}, Google's own client");
        let mut sandbox = if login.is_null() { bare("") } else { logged_in(login) };
        for (name, value) in env {
            sandbox.set(name, value);
        }
        let reference = format!("gcp:projects/{PROJECT}/secrets/{name}");
        match ours {
            Some(code) => drop(refused(&sandbox, &reference, code)),
            None => reads(&sandbox, &[("SECRET", format!("_{reference}"), "hunter22")]),
        }
    }
}

/// What a program prints that gives this token.
fn printed(kind: &str, key: &str, token: &str) -> Value {
    json!({ "version": 1, "success": true, "token_type": format!("urn:ietf:params:oauth:token-type:{kind}"), key: token })
}

/// The same without this key, or with another value of it.
fn but(printed: &Value, key: &str, value: Option<Value>) -> Value {
    let mut printed = printed.clone();
    match value {
        Some(value) => printed[key] = value,
        None => drop(printed.as_object_mut().unwrap().remove(key)),
    }
    printed
}

#[test]
fn programs_are_run_and_understood_as_by_googles_own_client() {
    let programs = Sandbox::new();
    let count = std::cell::Cell::new(0);
    // A program that wants its second argument whole, and writes down for whom it was asked.
    let running = |says: &Value, ends_with: u8| {
        count.set(count.get() + 1);
        let script = format!(
            "#!/bin/sh\n[ $# = 2 ] && [ \"$2\" = 'two words' ] || exit 9\necho \"$GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL\" >>\"$0.said\"\n\
             echo '{says}'\nexit {ends_with}\n"
        );
        let path = programs.program(&format!("identity-{}", count.get()), &script);
        federated(&json!({ "executable": { "command": format!("{} plain 'two words'", path.display()) } }))
    };
    let keeping = |login: Value, kept: &Value| {
        let mut login = login;
        let file = programs.write(&format!("kept-{}", count.get()), &kept.to_string());
        login["credential_source"]["executable"]["output_file"] = json!(file);
        login
    };
    let good = printed("id_token", "id_token", "identity-of-elsewhere");
    let (later, before) = (Some(json!(4_000_000_000_u64)), Some(json!(1)));
    let strange = printed("id_token", "id_token", "another-identity");
    let failed = json!({ "version": 1, "success": false, "code": "401", "message": "no" });
    let mut hasty = running(&good, 0);
    hasty["credential_source"]["executable"]["timeout_millis"] = json!(3000);
    let mut acting = running(&good, 0);
    acting["service_account_impersonation_url"] = json!(impersonation_url(FULL));
    let acted = programs.home().join(format!("bin/identity-{}.said", count.get()));
    let helper = Some("E-GCP-HELPER");
    same(
        &[ALLOWED],
        &[
            (running(&good, 0), "1", None),
            (running(&but(&good, "expiration_time", later.clone()), 0), "1", None),
            (
                running(&printed("jwt", "id_token", "identity-of-elsewhere"), 0),
                "1",
                None,
            ),
            (
                running(&printed("saml2", "saml_response", "identity-of-elsewhere"), 0),
                "1",
                None,
            ),
            (acting, "1", None),
            (running(&strange, 0), "OAuthError", Some("E-GCP-FEDERATION")),
            (running(&failed, 0), "RefreshError", helper),
            (running(&good, 3), "RefreshError", helper),
            (
                running(&but(&good, "expiration_time", before.clone()), 0),
                "RefreshError",
                helper,
            ),
            (
                running(&but(&good, "version", Some(json!(2))), 0),
                "RefreshError",
                helper,
            ),
            (running(&but(&good, "version", None), 0), "MalformedError", helper),
            (running(&but(&good, "success", None), 0), "MalformedError", helper),
            (running(&but(&good, "token_type", None), 0), "MalformedError", helper),
            (
                running(&printed("access_token", "id_token", "identity-of-elsewhere"), 0),
                "RefreshError",
                helper,
            ),
            (hasty, "InvalidValue", Some("E-GCP-CREDENTIALS")),
            // What it kept stands for it while that is valid, and says so itself.
            (
                keeping(running(&good, 3), &but(&good, "expiration_time", later)),
                "1",
                None,
            ),
            (keeping(running(&good, 0), &strange), "1", None),
            (keeping(running(&good, 3), &good), "RefreshError", helper),
            (
                keeping(running(&good, 0), &but(&strange, "expiration_time", before)),
                "1",
                None,
            ),
            (keeping(running(&good, 0), &failed), "1", None),
        ],
    );
    // As Google's clients for other languages tell it; the one for Python does not.
    let said = std::fs::read_to_string(acted).unwrap();
    assert_eq!(said.lines().last(), Some(FULL), "{said}");
}

/// A person of a workforce pool.
fn workforce(refresh_token: &str) -> Value {
    json!({
        "type": "external_account_authorized_user", "token_url": format!("{}/sts/v1/oauthtoken", servers().gcp_addr),
        "audience": "//iam.googleapis.com/locations/global/workforcePools/pool/providers/x",
        "client_id": "client-id", "client_secret": "client-secret", "refresh_token": refresh_token,
    })
}

#[test]
fn a_person_of_a_workforce_is_as_with_googles_own_client() {
    let acting = json!({
        "type": "impersonated_service_account", "service_account_impersonation_url": impersonation_url(FULL),
        "source_credentials": workforce("person"),
    });
    let reauth = Some("E-GCP-REAUTH");
    same(
        &[],
        &[
            (workforce("person"), "1", None),
            (acting, "1", None),
            (workforce("revoked"), "OAuthError", reauth),
            (
                but(&workforce("person"), "client_secret", Some(json!("wrong"))),
                "OAuthError",
                reauth,
            ),
        ],
    );
}

/// Whether a pool of people or one of programs, and whether the client shows itself: the same form, the same header.
#[test]
fn what_is_exchanged_is_what_googles_own_client_exchanges() {
    let subjects = Sandbox::new();
    let subject = json!({ "file": subjects.write("subject", "identity-of-elsewhere") });
    let of_people = "//iam.googleapis.com/locations/global/workforcePools/pool/providers/x";
    for more in [
        json!({}),
        json!({ "client_id": "client-id", "client_secret": "client-secret" }),
        json!({ "audience": of_people, "workforce_pool_user_project": "counted-for" }),
        json!({ "audience": of_people, "workforce_pool_user_project": "counted-for", "client_id": "client-id", "client_secret": "client-secret" }),
    ] {
        let liar = Liar::new(|_| {
            let refused = json!({ "error": "invalid_grant", "error_description": "no" });
            http(
                "400 Bad Request",
                "Content-Type: application/json\r\n",
                &refused.to_string(),
            )
        });
        let mut login = federated(&subject);
        login["token_url"] = json!(format!("{}/token", liar.address));
        login.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        same(&[], &[(login, "OAuthError", Some("E-GCP-FEDERATION"))]);
        let asked: Vec<_> = liar
            .asked()
            .iter()
            .filter(|request| !request.is_empty())
            .map(|request| exchanged(request))
            .collect();
        let (theirs, ours) = asked.split_first().unwrap();
        assert!(!ours.is_empty() && theirs.0.len() > 5, "{asked:?}");
        assert!(ours.iter().all(|ours| ours == theirs), "{more}: {asked:#?}");
        assert_eq!(theirs.1.is_some(), more["client_id"].is_string());
        assert_eq!(
            theirs.0.iter().any(|(name, _)| name == "options"),
            more["audience"].is_string() && more["client_id"].is_null()
        );
    }
}

/// The form of a request, in order, and who its client says it is. Google's client encodes the options once more than the rest.
fn exchanged(request: &str) -> (Vec<(String, String)>, Option<String>) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let decoded = |text: &str| {
        percent_encoding::percent_decode_str(&text.replace('+', " "))
            .decode_utf8()
            .unwrap()
            .into_owned()
    };
    let field = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        let value = decoded(value);
        if name == "options" {
            let options: Value = serde_json::from_str(&decoded(&value)).unwrap();
            return (name.to_owned(), options.to_string());
        }
        (name.to_owned(), value)
    };
    let mut form: Vec<_> = body.split('&').map(field).collect();
    form.sort();
    let shown = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization").then(|| value.to_owned())
    });
    (form, shown)
}

#[test]
fn an_account_behind_others_is_as_with_googles_own_client() {
    let behind = "behind@hp-project.iam.gserviceaccount.com";
    let as_account = |email: &str, source: Value, through: &[&str]| {
        let through: Vec<String> = through
            .iter()
            .map(|email| format!("projects/-/serviceAccounts/{email}"))
            .collect();
        json!({
            "type": "impersonated_service_account", "service_account_impersonation_url": impersonation_url(email),
            "delegates": through, "source_credentials": source,
        })
    };
    let reader = || service_account(READER, &servers().gcp_key);
    let refused = Some("E-GCP-IMPERSONATE");
    same(
        &[],
        &[
            (as_account(FULL, person("person"), &[]), "1", None),
            (as_account(FULL, reader(), &[]), "1", None),
            (as_account(READER, person("person"), &[]), "RefreshError", refused),
            (as_account(behind, reader(), &[]), "RefreshError", refused),
            (as_account(behind, reader(), &[FULL]), "1", None),
            (as_account(behind, reader(), &[READER]), "RefreshError", refused),
            (
                as_account(FULL, person("revoked"), &[]),
                "RefreshError",
                Some("E-GCP-REAUTH"),
            ),
        ],
    );
}

#[test]
fn a_machine_whose_server_fails_is_as_with_googles_own_client() {
    for (status, ours) in [
        ("404 Not Found", "E-GCP-NO-ACCOUNT"),
        ("403 Forbidden", "E-PROVIDER-UPSTREAM"),
        ("503 Service Unavailable", "E-PROVIDER-UPSTREAM"),
    ] {
        let liar = Liar::new(move |_| http(status, "Metadata-Flavor: Google\r\n", "no"));
        let host = liar.address.strip_prefix("http://").unwrap();
        same(
            &[("GCE_METADATA_HOST", host)],
            &[(Value::Null, "RefreshError", Some(ours))],
        );
        // Both were there: theirs begins with the account, ours with the token.
        for path in [
            "/service-accounts/default/?recursive=true",
            "/service-accounts/default/token?scopes=",
        ] {
            assert!(liar.asked().iter().any(|request| request.contains(path)), "{path}");
        }
    }
}

#[test]
fn the_project_that_requests_are_counted_for_is_that_of_the_environment_first() {
    let counted_for = |project: &str| {
        let mut login = person("person");
        login["quota_project_id"] = json!(project);
        login
    };
    let (here, other) = (PROJECT, "other-project");
    same(&[], &[(counted_for(other), "Forbidden", Some("E-GCP-PROJECT"))]);
    same(
        &[("GOOGLE_CLOUD_QUOTA_PROJECT", here)],
        &[(counted_for(other), "1", None)],
    );
    same(
        &[("GOOGLE_CLOUD_QUOTA_PROJECT", other)],
        &[(counted_for(here), "Forbidden", Some("E-GCP-PROJECT"))],
    );
}
