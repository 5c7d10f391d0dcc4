//! The option file of MySQL's clients: one of them reads it as we write it.

use crate::sandbox::Sandbox;

#[test]
fn the_client_reads_values_as_they_are() {
    let sandbox = Sandbox::new();
    // What the client says it was given, byte by byte. The file is named by the first argument.
    sandbox.program(
        "mysql",
        "#!/bin/sh\nmariadb --defaults-file=\"${1#--defaults-extra-file=}\" --print-defaults | tail -n +2 | od -An -v -tx1\n",
    );
    sandbox.roles("[roles.r]\nconnector = 'mysql'\nfields.MYSQL_HOST = 'h'\nfields.MYSQL_USER = '_local:r:user'\n");
    for value in [
        "plain",
        "a\"b",
        "'",
        "\"",
        "\\",
        "\\\\n",
        "a#b;c",
        " lead and trail ",
        "tab\tnl\nr\rq",
        "é{}%",
        "!include x",
        "x\\",
    ] {
        sandbox.store("r#user", value);
        let shown = sandbox.run(&["connect", "r"]).expect_code(0).stdout;
        let read: Vec<u8> = shown
            .split_whitespace()
            .map(|hex| u8::from_str_radix(hex, 16).unwrap())
            .collect();
        assert_eq!(String::from_utf8(read).unwrap(), format!("--user={value} \n"));
    }
}
