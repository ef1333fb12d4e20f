"""Only what the owner of a folder may remove is copied."""

from simcore.data import image_files


def test_files_below_a_folder_are_copied_and_others_stay(tmp_path):
    own, other, target = (tmp_path / name for name in ("own", "other", "target"))
    for folder in (own / "deep", other):
        folder.mkdir(parents=True)
        (folder / "a.png").write_bytes(str(folder).encode())
    paths = own / "deep" / "a.png", other / "a.png"
    copied = image_files.copy_below(paths, own, target)
    assert copied == (target / "deep" / "a.png", paths[1])
    assert copied[0].read_bytes() == paths[0].read_bytes()
