"""What a newcomer sees on the terminal while the demo starts."""

import logging
import sys

from sandbox.demo.guide import log_into


def test_warnings_of_the_product_go_to_a_file_and_not_to_the_terminal(
    tmp_path, capsys, monkeypatch
):
    handler = logging.StreamHandler(sys.stderr)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])

    log_into(tmp_path / "data.log")
    logging.getLogger("apps").warning("A decline code in no table.")

    assert "A decline code in no table." in (tmp_path / "data.log").read_text()
    assert capsys.readouterr() == ("", "")
    handler.stream.close()
