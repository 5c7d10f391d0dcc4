//! A report as a table for people: providers, roles with their fields, then each problem and each warning once.

use crate::check::Report;
use crate::cli::{complain, counted, note, say, table};
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::status::{FieldStatus, ProviderStatus, RoleStatus, State};

/// `none` says why there is no role at all.
pub(super) fn print(report: &Report, none: &str) {
    if !report.providers.is_empty() {
        let rows: Vec<Vec<String>> = report
            .providers
            .iter()
            .map(|provider| provider_row(&provider.status))
            .collect();
        say(&table::render(
            &["PROVIDER", "STATE", "MS", "LADDER", "LOGIN", "ENDPOINT"],
            &rows,
        ));
        say("");
    }
    if report.roles.is_empty() {
        note(none);
        return;
    }
    let rows: Vec<Vec<String>> = report.roles.iter().flat_map(|role| role_rows(&role.status)).collect();
    say(&table::render(&["ROLE", "FIELD", "STATE", "VERSION", "CHANGED"], &rows));
    complaints(report).iter().for_each(complain);
    remarks(report).iter().for_each(|remark| note(remark));
    let count = |state| report.count(state);
    say(&format!(
        "\n{}: {} ok, {} with warnings, {} failing",
        counted(report.roles.len(), "role"),
        count(State::Ok),
        count(State::Warn),
        count(State::Fail)
    ));
}

/// Every field of the report, with its role's name.
fn fields(report: &Report) -> impl Iterator<Item = (&str, &FieldStatus)> {
    let roles = report.roles.iter().map(|role| &role.status);
    roles.flat_map(|role| role.fields.iter().map(|field| (role.name.as_str(), field)))
}

/// Each warning once, with the fields that it is about.
fn remarks(report: &Report) -> Vec<String> {
    let mut told: Vec<(&str, Vec<(&str, &str)>)> = Vec::new();
    for (role, field) in fields(report) {
        let Some(warning) = &field.warning else { continue };
        match told.iter_mut().find(|(other, _)| other == warning) {
            Some((_, names)) => names.push((role, &field.name)),
            None => told.push((warning, vec![(role, &field.name)])),
        }
    }
    let line = |(warning, names): &(&str, Vec<_>)| format!("warning: {}: {warning}", by_role(names));
    told.iter().map(line).collect()
}

/// Each problem once: a provider's, a role's, then a field's with the names of all the fields that wait for it.
fn complaints(report: &Report) -> Vec<Problem> {
    let of_providers = report
        .providers
        .iter()
        .filter_map(|provider| provider.status.problem.as_ref());
    let of_roles = report.roles.iter().filter_map(|role| role.status.problem.as_ref());
    let of_fields =
        fields(report).filter_map(|(role, field)| Some((field.problem.as_ref()?, Some((role, field.name.as_str())))));
    let whole = of_providers.chain(of_roles).map(|problem| (problem, None));

    let mut told: Vec<(Problem, Vec<(&str, &str)>)> = Vec::new();
    for (problem, who) in whole.chain(of_fields) {
        let same = |other: &Problem| other.code == problem.code && other.what == problem.what;
        match told.iter_mut().find(|(other, _)| same(other)) {
            Some((_, names)) => names.extend(who),
            None => told.push((problem.clone(), who.into_iter().collect())),
        }
    }
    let named = |(mut problem, names): (Problem, Vec<(&str, &str)>)| {
        if !names.is_empty() {
            problem.what = format!("{}, for {}", problem.what, by_role(&names));
        }
        problem
    };
    told.into_iter().map(named).collect()
}

/// Roles and their fields: `PGUSER, PGPASSWORD of orders; REDISCLI_AUTH of cart`.
fn by_role(names: &[(&str, &str)]) -> String {
    let of_role = |group: &[(&str, &str)]| {
        let fields: Vec<&str> = group.iter().map(|(_, field)| *field).collect();
        format!("{} of {}", fields.join(", "), printable(group[0].0))
    };
    let groups = names.chunk_by(|a, b| a.0 == b.0);
    groups.map(of_role).collect::<Vec<_>>().join("; ")
}

fn provider_row(status: &ProviderStatus) -> Vec<String> {
    let ladder: Vec<String> = status
        .stages
        .iter()
        .map(|stage| match stage.ms {
            Some(ms) => format!("{} {} {ms}ms", stage.name, stage.state.word()),
            None => format!("{} {}", stage.name, stage.state.word()),
        })
        .collect();
    vec![
        printable(&status.name),
        status.state.word().to_owned(),
        status.latency_ms.map_or_else(|| "-".to_owned(), |ms| ms.to_string()),
        ladder.join(", "),
        login(status),
        printable(&status.endpoint),
    ]
}

/// How we are logged in, and for how long still.
pub(in crate::cli) fn login(status: &ProviderStatus) -> String {
    let auth = status.auth.as_deref().unwrap_or("-");
    match status.expires {
        Some(at) => format!("{auth}, {} left", left(at)),
        None => auth.to_owned(),
    }
}

/// The time until then, in its largest whole unit: `47m`.
fn left(at: jiff::Timestamp) -> String {
    match at.as_second() - jiff::Timestamp::now().as_second() {
        seconds @ ..=0 => format!("{}s", seconds.max(0)),
        seconds @ 1..=119 => format!("{seconds}s"),
        seconds @ 120..=7199 => format!("{}m", seconds / 60),
        seconds @ 7200..=172_799 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86400),
    }
}

fn role_rows(role: &RoleStatus) -> Vec<Vec<String>> {
    let name = printable(&role.name);
    let state = |state: State, problem: Option<&Problem>| match problem {
        Some(problem) => format!("{} {}", state.word(), problem.code.id),
        None => state.word().to_owned(),
    };
    let mut rows = vec![vec![name, String::new(), state(role.state, role.reason())]];
    let interesting =
        |field: &&FieldStatus| field.version.is_some() || field.latency_ms.is_some() || field.state != State::Ok;
    for field in role.fields.iter().filter(interesting) {
        rows.push(vec![
            String::new(),
            field.name.clone(),
            state(field.state, field.problem.as_ref()),
            field.version.clone().unwrap_or_else(|| "-".to_owned()),
            field
                .rotated_at
                .map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d").to_string()),
        ]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Checked;
    use crate::domain::catalogue;

    #[test]
    fn a_problem_is_told_once_with_all_that_wait_for_it() {
        let field = |name: &str, problem: Option<Problem>| FieldStatus {
            name: name.to_owned(),
            state: if problem.is_some() { State::Fail } else { State::Ok },
            problem,
            warning: None,
            key: None,
            version: None,
            rotated_at: None,
            expires: None,
            latency_ms: None,
        };
        let role = |name: &str, problem: Option<Problem>, fields: Vec<FieldStatus>| Checked {
            status: RoleStatus {
                name: name.to_owned(),
                state: State::Fail,
                problem,
                provider: None,
                latency_ms: None,
                fields,
                versions: Default::default(),
            },
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        let sealed = || Some(Problem::new(&catalogue::VAULT_SEALED, "Vault is sealed"));
        let missing = Some(Problem::new(&catalogue::CLIENT_MISSING, "no psql"));
        let report = Report {
            providers: Vec::new(),
            roles: vec![
                role(
                    "a",
                    missing,
                    vec![field("U", sealed()), field("H", None), field("P", sealed())],
                ),
                role("b", None, vec![field("K", sealed())]),
            ],
        };
        let told: Vec<String> = complaints(&report).into_iter().map(|problem| problem.what).collect();
        assert_eq!(told, ["no psql", "Vault is sealed, for U, P of a; K of b"]);
        let reason = report.roles[0].status.reason().unwrap();
        assert_eq!(
            reason.code.id, "E-VAULT-SEALED",
            "what fails goes before a client that is missing"
        );
    }
}
