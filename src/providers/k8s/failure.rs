//! What went wrong between us and a cluster, in our own words: no connection, no login, no right, no such secret.

use jiff::Timestamp;

use super::Kubernetes;
use super::access::Login;
use super::api::{Question, Status, listed_names};
use super::login::{Ground, Session};
use super::name::Name;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::domain::suggest::nearest;
use crate::providers::net::http::{Answer, Fault};
use crate::providers::net::ladder::stages_until;
use crate::providers::net::trouble::{self, Unanswered};

/// Adds as whom we asked, and that the login is where it ended.
pub(super) fn at_login(problem: Problem, ground: &Ground) -> Problem {
    let problem = with_user(problem, ground);
    problem.steps(stages_until("login", ground.access.https()))
}

fn at_read(problem: Problem, ground: &Ground, line: &str, status: u16) -> Problem {
    let problem = with_user(problem, ground)
        .note(format!("{line} → {status}"))
        .fact("Request", format!("{line} at {}", ground.access.address()));
    problem.steps(stages_until("read", ground.access.https()))
}

fn with_user(problem: Problem, ground: &Ground) -> Problem {
    let problem = problem.fact("User", ground.access.who());
    match &ground.access.context {
        Some(context) => problem.fact("Context", context.clone()),
        None => problem,
    }
}

/// `the cluster at https://eu.example:6443`.
fn server(ground: &Ground) -> String {
    format!("the cluster at {}", ground.access.address())
}

impl Kubernetes {
    /// Why there is no answer.
    pub(super) async fn unanswered(&self, ground: &Ground, fault: &Fault, line: &str) -> Problem {
        let problem = if let Fault::Unsendable = fault {
            let what = "the kubeconfig's user has as-groups or as-user-extra that cannot be sent";
            Problem::new(&catalogue::K8S_KUBECONFIG, what)
        } else {
            let unanswered = Unanswered {
                server: &server(ground),
                route: &ground.route,
                certified: ground.access.certified_name(),
                limit: self.settings.limit,
                provider: &self.name,
                rung: "read",
            };
            self.explained(unanswered.explain(fault).await, ground)
        };
        problem.fact("Request", format!("{line} at {}", ground.access.address()))
    }

    /// What the kubeconfig has to do with it: the cluster's CA is there.
    fn explained(&self, problem: Problem, ground: &Ground) -> Problem {
        let access = &ground.access;
        let by_ca = problem.code == &catalogue::NET_TLS && problem.fixes.iter().any(|fix| fix.contains("ca_cert"));
        if !by_ca || access.context.is_none() {
            return problem;
        }
        problem.fix("write the kubeconfig anew with your cluster's tool: its certificate-authority-data is that of another cluster, or old")
    }

    /// What an answer says of the server rather than of the secret; none if nothing.
    pub(super) fn troubled(&self, ground: &Ground, answer: &Answer, line: &str) -> Option<Problem> {
        let address = ground.access.address();
        let problem = match answer.status {
            300..=399 => trouble::redirected(&server(ground), answer),
            429 => trouble::limited(&catalogue::K8S_RATE, &server(ground), answer),
            400 if !ground.access.https() && trouble::wants_tls(answer) => {
                let what = format!("the cluster at {address} speaks TLS, and the kubeconfig's server says http://");
                Problem::new(&catalogue::K8S_KUBECONFIG, what)
                    .causes(vec!["the scheme of the address is wrong".to_owned()])
                    .fixes(vec![format!("server: {}", address.replacen("http://", "https://", 1))])
            }
            500.. => return Some(self.upstream(ground, line, answer.status)),
            _ => return None,
        };
        Some(at_read(problem, ground, line, answer.status).steps(stages_until("login", ground.access.https())))
    }

    /// An answer that nothing can be made of.
    pub(super) fn upstream(&self, ground: &Ground, line: &str, status: u16) -> Problem {
        let problem = trouble::upstream(&server(ground), "that of a Kubernetes API", status);
        at_read(problem, ground, line, status)
    }

    /// The cluster does not accept the login.
    pub(super) fn unauthorised(&self, ground: &Ground, session: &Session, line: &str) -> Problem {
        let access = &ground.access;
        let what = format!(
            "the cluster at {} does not accept the login of {}",
            access.address(),
            access.who()
        );
        let ended = session.expires.filter(|end| *end <= Timestamp::now());
        let mut causes = Vec::new();
        let credential = match &access.login {
            Login::Plugin(plugin) => format!("what the login plugin `{}` gave", plugin.command),
            Login::TokenFile(file, _) => format!("the token in {}", file.display()),
            Login::Token(_) => "its token".to_owned(),
            Login::Password(..) => "its user name and password".to_owned(),
            Login::None if access.tls.client.is_some() => "its client certificate".to_owned(),
            Login::None => "nothing: it has neither a token nor a client certificate".to_owned(),
        };
        match ended {
            Some(end) => causes.push(format!("{credential} expired {}", ago(end))),
            None => causes.push(match &access.login {
                Login::None if access.tls.client.is_none() => format!("it logs in with {credential}"),
                Login::Password(..) => format!("the cluster takes no passwords, or {credential} are wrong"),
                _ => format!("{credential} has expired, was revoked, or is that of another cluster"),
            }),
        }
        let kubectl = &access.kubectl;
        let mut fixes = match &access.context {
            None => vec!["look at the pod's service account: its token may have been deleted".to_owned()],
            Some(_) => vec![format!(
                "log in to the cluster again in your usual way, then: {kubectl} auth whoami"
            )],
        };
        if access.context.is_some() {
            fixes.push(format!(
                "or choose another context: context = \"NAME\"   in [providers.{}]",
                self.name
            ));
        }
        let problem = Problem::new(&catalogue::K8S_401, what).causes(causes).fixes(fixes);
        at_read(problem, ground, line, 401).steps(stages_until("login", access.https()))
    }

    /// The cluster's rules do not let us read the secret.
    pub(super) fn forbidden(&self, ground: &Ground, answer: &Answer, name: &Name, line: &str) -> Problem {
        let Name { namespace, secret } = name;
        let user = Status::of(answer).and_then(|status| status.user());
        let user = user.unwrap_or_else(|| "the user".to_owned());
        let what = format!("{user} may not get the secret {secret} in the namespace {namespace}");
        let kubectl = &ground.access.kubectl;
        let mut causes = vec![format!(
            "no Role or ClusterRole that is bound to {user} has the verb get on secrets in the namespace {namespace}"
        )];
        if user == "system:anonymous" {
            causes.insert(
                0,
                format!("{} has no login: the cluster takes it for nobody", ground.access.who()),
            );
        }
        causes.push("the namespace does not exist: the cluster says so only to those who may read in it".to_owned());
        let problem = Problem::new(&catalogue::K8S_403, what).causes(causes).fixes(vec![
            format!("{kubectl} auth can-i get secrets/{secret} -n {namespace}"),
            format!(
                "let a Role in {namespace} have: resources: [secrets], resourceNames: [{secret}], verbs: [get], and bind it to {user}"
            ),
        ]);
        at_read(problem, ground, line, 403)
    }

    /// There is no such secret, or no such namespace.
    pub(super) async fn absent(
        &self,
        ground: &Ground,
        session: &Session,
        id: &SecretId,
        name: &Name,
        answer: &Answer,
        line: &str,
    ) -> Problem {
        let about_secret = Status::of(answer).is_some_and(|status| status.is_about("secrets"));
        if !about_secret {
            return self
                .upstream(ground, line, answer.status)
                .cause("the address is not that of a Kubernetes API, or its path is wrong");
        }
        let Name { namespace, secret } = name;
        let kubectl = &ground.access.kubectl;
        let ask = |question| self.quietly(ground, session, question);
        let (there, others) = futures::join!(ask(Question::namespace(namespace)), ask(Question::names(namespace)));
        let status = there.as_ref().map_or(0, |answer| answer.status);
        if status == 404 {
            let what = format!("the cluster has no namespace {namespace}");
            let problem =
                Problem::new(&catalogue::K8S_NAMESPACE, what).fixes(vec![format!("{kubectl} get namespaces")]);
            return at_read(problem, ground, line, 404);
        }
        let what = format!("the namespace {namespace} has no secret {secret}");
        let mut problem = Problem::new(&catalogue::K8S_NOTFOUND, what);
        if status != 200 {
            problem = problem
                .cause("the namespace itself may not exist: whether it does, the cluster does not tell this user");
        }
        let names = others.map(|answer| listed_names(&answer)).unwrap_or_default();
        let similar = nearest(secret, names.iter().map(String::as_str));
        let in_namespace = if id.path.contains('/') {
            format!("{namespace}/")
        } else {
            String::new()
        };
        let similar = similar
            .into_iter()
            .map(|found| format!("{}:{in_namespace}{found}", id.provider));
        let problem = problem
            .similar(similar.collect())
            .fixes(vec![format!("{kubectl} get secrets -n {namespace}")]);
        at_read(problem, ground, line, 404)
    }
}

/// `26 min ago`.
fn ago(end: Timestamp) -> String {
    let seconds = Timestamp::now().as_second() - end.as_second();
    match seconds {
        ..=119 => format!("{seconds} s ago"),
        120..=7199 => format!("{} min ago", seconds / 60),
        7200..=172_799 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}
