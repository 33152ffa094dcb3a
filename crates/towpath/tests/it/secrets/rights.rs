//! Whoever has no right to one environment can still work on the others.

use super::rig::Rig;

#[test]
fn an_environment_that_one_may_not_look_at_is_left_out() {
    let rig = Rig::new();
    rig.set("staging", "TOKEN", "a token of staging");
    let value = "a token of production";
    rig.call("secret set production TOKEN")
        .by("olive")
        .fed(value)
        .ends(0);
    rig.call("secret list production").ends(3);
    // Named, it is refused; otherwise it is told.
    rig.call("secret doctor production")
        .ends(3)
        .says(&["may not list the secrets of production"]);
    let said = rig.call("secret doctor").run();
    let said = said.says(&["production", "you may not list its secrets"]);
    assert!(!said.told().contains("not-allowed"), "{}", said.told());
    rig.call("secret reuse")
        .ends(0)
        .says(&["you may not list the secrets of production"]);
    let shown: serde_json::Value = rig.call("secret reuse --json").ends(0).json();
    assert_eq!(shown["left_out"], serde_json::json!(["production"]));
    // A leak is a leak: where it is, is told, and not what.
    rig.call("secret scan").ends(0);
    rig.project.write("leak.txt", format!("{value}\n"));
    rig.project.write("other.txt", "a token of staging\n");
    let said = rig.call("secret scan").ends(1);
    let said = said.says(&["leak.txt", "a secret of production", "TOKEN of staging"]);
    assert!(!said.told().contains("TOKEN of production"));
    let told = rig.call("secret scan").by("olive").ends(1);
    told.says(&["TOKEN of production", "a secret of staging"]);
}
