//! What the filter words find, and in which order.

use proptest::prelude::*;

use super::*;

fn subject(name: &str, env: &str, connector: &str, tag: &str) -> Subject {
    let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
    Subject {
        name: name.to_owned(),
        env: Some(env.to_owned()),
        connector: Some(connector.to_owned()),
        tags: vec![(key.to_owned(), value.to_owned())],
        host: Some(format!("{name}.db.internal")),
        providers: vec!["vault".to_owned()],
        owner: Some("data team".to_owned()),
        status: Some("unknown"),
        marks: if name == "reorders" {
            vec!["readonly"]
        } else {
            Vec::new()
        },
        ..Subject::default()
    }
}

fn index() -> Index {
    Index::new([
        subject("orders", "prod", "postgres", "team=payments"),
        subject("orders-archive", "prod", "postgres", "legacy"),
        subject("cart-orders", "stage", "mysql", "team=shop"),
        subject("reorders", "dev", "mysql", "team=shop"),
        subject("oh-red-users", "dev", "redis", "x"),
        subject("Billing", "prod", "mysql", "team=payments"),
    ])
}

fn found(text: &str) -> Vec<String> {
    let mut index = index();
    let filter = index.parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    index
        .rank(&filter)
        .iter()
        .map(|m| index.subject(m.index).unwrap().name.clone())
        .collect()
}

fn error(text: &str) -> FilterError {
    index().parse(text).expect_err(text)
}

#[test]
fn classes_come_in_order() {
    assert_eq!(
        found("orders"),
        ["orders", "orders-archive", "cart-orders", "reorders", "oh-red-users"]
    );
    let mut index = index();
    let filter = index.parse("orders").unwrap();
    let classes: Vec<_> = index.rank(&filter).iter().map(|m| m.class.unwrap()).collect();
    assert_eq!(
        classes,
        [
            Class::Exact,
            Class::Prefix,
            Class::WordStart,
            Class::Contiguous,
            Class::Fuzzy
        ]
    );
}

#[test]
fn no_words_keep_the_order_of_the_list() {
    assert_eq!(found("").len(), 6);
    assert_eq!(found("env:prod"), ["orders", "orders-archive", "Billing"]);
    assert_eq!(found("   "), found(""));
}

#[test]
fn fields_are_anded_and_their_values_ored() {
    assert_eq!(found("env:prod type:postgres"), ["orders", "orders-archive"]);
    assert_eq!(found("e:stage,dev t:my"), ["cart-orders", "reorders"]);
    assert_eq!(found("t:pg !tag:legacy"), ["orders"]);
    assert_eq!(found("tag:team=payments !type:mysql"), ["orders"]);
    assert_eq!(found("tag:team").len(), 4);
    assert_eq!(found("owner:\"data team\" host:billing"), ["Billing"]);
    assert_eq!(found("!env:prod,dev"), ["cart-orders"]);
    assert_eq!(found("provider:vault name:red"), ["oh-red-users"]);
}

#[test]
fn a_value_may_still_be_being_typed() {
    assert_eq!(found("env:"), found(""));
    assert_eq!(found("!"), found(""));
    assert_eq!(found("env:pr"), found("env:prod"));
    assert_eq!(found("type:postgres,"), found("type:postgres"));
    assert_eq!(found("owner:\"data t"), found(""));
}

#[test]
fn unknown_fields_and_values_are_named_with_the_nearest() {
    assert_eq!(error("env:prdo").similar, ["env:prod"]);
    assert_eq!(error("!env:prdo x").similar, ["!env:prod"]);
    assert_eq!(error("evn:prod").similar, ["env:prod"]);
    assert_eq!(error("type:pstgres").similar[0], "type:postgres");
    assert_eq!(error("owner:\"dta team\"").similar, ["owner:\"data team\""]);
    assert_eq!(error("status:okk").similar[0], "status:ok");
    assert!(error("env:xyz").what.contains("dev, prod, stage"));
    assert!(error("access:ro").what.contains("nothing in this list"));
    let problem = Problem::from(error("env:prdo"));
    assert!(problem.to_string().contains("did you mean: env:prod"));
}

#[test]
fn words_have_shapes() {
    assert_eq!(found("'order"), ["orders", "orders-archive", "cart-orders", "reorders"]);
    assert_eq!(found("^orders"), ["orders", "orders-archive"]);
    assert_eq!(found("^orders$"), ["orders"]);
    assert_eq!(found("orders$"), ["orders", "cart-orders", "reorders"]);
    assert_eq!(found("archive|billing").len(), 2);
    for blanks in ["archive | billing", "archive| billing", "archive |billing"] {
        assert_eq!(found(blanks), found("archive|billing"), "{blanks}");
    }
    // While it is typed.
    assert_eq!(found("archive |"), found("archive"));
    assert_eq!(found("| archive"), found("archive"));
    assert_eq!(found("!order"), ["oh-red-users", "Billing"]);
    assert_eq!(found("Bill"), ["Billing"]);
    assert!(found("BILL").is_empty(), "a capital makes case count");
    assert_eq!(found("bill"), ["Billing"]);
    assert_eq!(found("\"-archive\""), ["orders-archive"]);
    assert!(found("10.0.0.1:5432").is_empty(), "a word, not a field");
}

#[test]
fn other_texts_match_as_a_whole_only() {
    assert_eq!(found("payments"), ["orders", "Billing"]);
    assert_eq!(found("order payments"), ["orders"]);
    assert!(found("pymnts").is_empty());
    assert!(found("!payments").iter().all(|name| name != "Billing"));
}

#[test]
fn statuses_are_looked_at_anew_and_marks_are_those_of_the_role() {
    let mut index = index();
    let filter = index.parse("status:fail").unwrap();
    assert!(index.rank(&filter).is_empty());
    index.set_status(2, "fail");
    assert_eq!(index.rank(&filter)[0].index, 2);
    let filter = index.parse("is:readonly").unwrap();
    assert_eq!(index.rank(&filter).iter().map(|m| m.index).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_list_that_knows_of_no_checks_says_so() {
    let unchecked = Subject {
        status: None,
        ..subject("orders", "prod", "postgres", "x")
    };
    let error = Index::new([unchecked]).parse("status:ok").unwrap_err();
    assert_eq!(error.what, "nothing in this list has a value for `status:`");
}

#[test]
fn highlights_are_the_characters_that_matched() {
    let mut index = index();
    let mut at = |text: &str, entry| {
        let filter = index.parse(text).unwrap();
        index.highlight(&filter, entry)
    };
    assert_eq!(at("ord", 2), [5, 6, 7]);
    assert_eq!(at("orders$", 3), [2, 3, 4, 5, 6, 7]);
    assert_eq!(at("car ers", 2), [0, 1, 2, 8, 9, 10]);
    assert_eq!(at("ohusers", 4), [0, 1, 7, 8, 9, 10, 11]);
    assert_eq!(at("payments", 0), Vec::<usize>::new());
    let mut index = Index::new([subject("größe-ÄÖ", "x", "y", "z")]);
    let filter = index.parse("äö").unwrap();
    assert_eq!(index.rank(&filter).len(), 1);
    assert_eq!(index.highlight(&filter, 0), [6, 7]);
}

#[test]
fn nothing_found_suggests_a_name() {
    let index = index();
    assert_eq!(index.suggest(&index.parse("oredrs").unwrap())[0], "orders");
}

proptest! {
    #[test]
    fn any_text_is_a_filter_or_an_error(text in "[a-z!:,'^$|\" éÄ.]{0,24}") {
        let mut index = index();
        if let Ok(filter) = index.parse(&text) {
            for found in index.rank(&filter) {
                let length = index.subject(found.index).unwrap().name.chars().count();
                prop_assert!(index.highlight(&filter, found.index).iter().all(|at| *at < length));
            }
        }
    }

    #[test]
    fn a_part_of_a_name_finds_it(start in 0_usize..10, length in 1_usize..6) {
        let name = "cart-orders";
        let part: String = name.chars().skip(start).take(length).collect();
        prop_assert!(found(&part).contains(&name.to_owned()), "{}", part);
    }
}

/// 5,000 roles within 3 ms a key in a release build; here with room for an unoptimised one.
#[test]
fn five_thousand_roles_are_ranked_while_one_types() {
    let words = [
        "orders", "billing", "cart", "reports", "users", "search", "audit", "ledger", "stock", "mail",
    ];
    let mut index = Index::new((0..5000).map(|n| {
        let name = format!("{}-{}-{n}", words[n % 10], words[n / 10 % 10]);
        subject(
            &name,
            ["prod", "stage", "dev"][n % 3],
            ["postgres", "mysql"][n % 2],
            "team=payments",
        )
    }));
    for text in ["o", "or", "ord", "bilrep", "env:prod cart", "orders users 12", "zzz"] {
        let filter = index.parse(text).unwrap();
        let begun = std::time::Instant::now();
        let found = index.rank(&filter).len();
        let took = begun.elapsed();
        println!("{text:18} {found:5} {took:?}");
        assert!(took < std::time::Duration::from_millis(150), "{text}: {took:?}");
    }
}

#[test]
fn a_value_that_is_not_there_is_said_as_a_sentence() {
    let only = Index::new([Subject {
        env: Some("prod".to_owned()),
        ..Subject::default()
    }]);
    let what = |text: &str| only.parse(text).unwrap_err().what;
    assert_eq!(what("env:dev"), "no env `dev`; there is only prod");
    assert!(
        what("is:foo").starts_with("no `is:foo`; there are "),
        "{}",
        what("is:foo")
    );
    assert_eq!(what("owner:x"), "nothing in this list has a value for `owner:`");
}
