//! Environment variables that a role sets only if it says that it means to.

/// Names that change how programs load code, what they start, or where they are found. PS1 and PS2 are not among them: a role for a shell
/// says by them where the person is.
const DANGEROUS: &[&str] = &[
    "BASHOPTS",
    "BASH_ENV",
    "CDPATH",
    "CLASSPATH",
    "DOTNET_STARTUP_HOOKS",
    "EDITOR",
    "ENV",
    "ERL_AFLAGS",
    "ERL_FLAGS",
    "ERL_ZFLAGS",
    "GCONV_PATH",
    "GEM_HOME",
    "GEM_PATH",
    "GIT_ASKPASS",
    "GIT_EDITOR",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GLIBC_TUNABLES",
    "GTK_MODULES",
    "HOME",
    "IFS",
    "INPUTRC",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LESSCLOSE",
    "LESSOPEN",
    "MYSQL_TEST_LOGIN_FILE",
    "NODE_OPTIONS",
    "NODE_PATH",
    "OPENSSL_CONF",
    "OPENSSL_MODULES",
    "PAGER",
    "PATH",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PERLLIB",
    "PGSERVICEFILE",
    "PGSSLKEYLOGFILE",
    "PGSYSCONFDIR",
    "PHPRC",
    "PROMPT_COMMAND",
    "PS0",
    "PS4",
    "PSQLRC",
    "PSQL_EDITOR",
    "PSQL_PAGER",
    "PYTHONBREAKPOINT",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "RUBYLIB",
    "RUBYOPT",
    "SHELL",
    "SHELLOPTS",
    "SSH_ASKPASS",
    "SSLKEYLOGFILE",
    "SUDO_ASKPASS",
    "VISUAL",
    "XDG_CONFIG_HOME",
    "ZDOTDIR",
    "_JAVA_OPTIONS",
];

/// The same by how they begin: the dynamic loaders of Linux and macOS, bash functions, git's settings, Lua's first program.
const DANGEROUS_BEGINNINGS: &[&str] = &["LD_", "DYLD_", "BASH_FUNC_", "GIT_CONFIG", "LUA_INIT"];

pub(super) fn is_dangerous(name: &str) -> bool {
    DANGEROUS.contains(&name) || DANGEROUS_BEGINNINGS.iter().any(|begin| name.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dangerous_names() {
        for name in [
            "LD_PRELOAD",
            "DYLD_INSERT_LIBRARIES",
            "PATH",
            "PSQLRC",
            "_JAVA_OPTIONS",
            "GIT_CONFIG_COUNT",
            "LUA_INIT_5_4",
        ] {
            assert!(is_dangerous(name), "{name}");
        }
        assert!(!is_dangerous("PGPASSWORD"));
    }
}
