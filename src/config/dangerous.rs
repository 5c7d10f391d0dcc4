//! Environment variables that a role sets only if it says that it means to.

/// Names that change how programs load code, what they start, or where they are found.
const DANGEROUS: &[&str] = &[
    "BASH_ENV",
    "BASHOPTS",
    "CDPATH",
    "EDITOR",
    "ENV",
    "GCONV_PATH",
    "GIT_ASKPASS",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "HOME",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LESSCLOSE",
    "LESSOPEN",
    "MYSQL_TEST_LOGIN_FILE",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PAGER",
    "PATH",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PGSERVICEFILE",
    "PGSSLKEYLOGFILE",
    "PGSYSCONFDIR",
    "PROMPT_COMMAND",
    "PSQLRC",
    "PSQL_EDITOR",
    "PSQL_PAGER",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "RUBYLIB",
    "RUBYOPT",
    "SHELL",
    "SHELLOPTS",
    "SSH_ASKPASS",
    "SSLKEYLOGFILE",
    "VISUAL",
    "ZDOTDIR",
    "_JAVA_OPTIONS",
];

/// The same by how they begin: the dynamic loaders of Linux and macOS, bash functions.
const DANGEROUS_BEGINNINGS: &[&str] = &["LD_", "DYLD_", "BASH_FUNC_"];

pub(super) fn is_dangerous(name: &str) -> bool {
    DANGEROUS.contains(&name) || DANGEROUS_BEGINNINGS.iter().any(|begin| name.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dangerous_names() {
        for name in ["LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "PATH", "PSQLRC", "_JAVA_OPTIONS"] {
            assert!(is_dangerous(name), "{name}");
        }
        assert!(!is_dangerous("PGPASSWORD"));
    }
}
