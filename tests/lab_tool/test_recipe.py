"""What the images are made of."""

from tests.lab import recipe


def test_images_hold_the_postgresql_of_their_release():
    assert " postgresql-17 " in recipe.packaged_script("trixie")
    assert " postgresql-15 " in recipe.packaged_script("bookworm")


def test_no_cluster_is_made_because_the_ban_comes_before_the_packages():
    script = recipe.packaged_script("trixie")
    assert script.index("create_main_cluster = false") < script.index("apt-get")


def test_bookworm_is_not_told_what_its_sshd_does_not_know():
    assert "PerSourcePenalties" in recipe.bare_script("trixie")
    assert "PerSourcePenalties" not in recipe.bare_script("bookworm")


def test_changed_recipe_changes_every_image_above_it(monkeypatch):
    flavours = ("bare", "packaged", "tools")
    before = [recipe.digest("trixie", flavour) for flavour in flavours]
    monkeypatch.setattr(recipe, "BARE_PACKAGES", (*recipe.BARE_PACKAGES, "file"))
    after = [recipe.digest("trixie", flavour) for flavour in flavours]
    assert not set(before) & set(after)
    assert len(set(before)) == 3
