"""The store survives what machines do to it: crashes, other processes, full disks, newer versions."""

import ctypes
import os
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from datakit.run import Run
from datakit.store import SCHEMA_VERSION, Store, insert
from schemas.errors import NotFoundError, StoreBusyError, StoreError
from schemas.identity import canonical_json, content_id

CAP_DAC_OVERRIDE = 1
PR_CAPBSET_DROP = 24


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "a.duckdb")
    with store.write():
        pass
    return store


def python(code: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def count(store: Store, table: str = "recipes") -> int:
    with store.read() as con:
        return con.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_reading_a_store_that_does_not_exist_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(NotFoundError, match="datakit ingest"), Store(tmp_path / "none.duckdb").read():
        pass


def test_a_failed_transaction_leaves_nothing(store):
    with pytest.raises(ZeroDivisionError), store.write() as con:
        con.execute("INSERT INTO recipes VALUES (uuid(), 'm', NULL, NULL)")
        raise ZeroDivisionError
    assert count(store) == 0


def test_a_store_of_a_newer_version_is_refused_and_left_alone(store):
    with store.write() as con:
        con.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", [str(SCHEMA_VERSION + 1)])
    before = store.path.read_bytes()
    for opened in (store.read, store.write):
        with pytest.raises(StoreError, match="upgrade Datakit"), opened():
            pass
    assert store.path.read_bytes() == before


def test_an_older_store_is_migrated_when_it_is_opened(store):
    with store.write() as con:
        con.execute("DROP VIEW newest_scores; DROP TABLE trainings; DROP TABLE metrics; DROP TABLE trained_prompts")
        con.execute("UPDATE meta SET value = '1' WHERE key = 'schema_version'")
    assert count(store, "newest_scores") == count(store, "trained_prompts") == 0
    with store.read() as con:
        assert con.execute("SELECT value FROM meta").fetchall() == [(str(SCHEMA_VERSION),)]


def test_a_duckdb_file_of_something_else_is_refused(tmp_path):
    with duckdb.connect(tmp_path / "other.duckdb") as con:
        con.execute("CREATE TABLE theirs (x INTEGER)")
    with pytest.raises(StoreError, match="something else"), Store(tmp_path / "other.duckdb").write():
        pass


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.duckdb", b"hello" * 1000),
        ("answers.csv", b"prompt,answer\nWhy?,So.\n"),
        ("rows.parquet", b"PAR1"),
        ("empty.duckdb", b""),
    ],
)
@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path, name, content, mode):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(StoreError, match=rf"{name} is no Datakit store.*--store"), getattr(Store(path), mode)():
        pass
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_store_that_was_cut_off_and_a_directory_are_no_stores(store, mode):
    cut = store.path.with_name("cut.duckdb")
    for length in (100, 5000, store.path.stat().st_size - 1):
        cut.write_bytes(store.path.read_bytes()[:length])
        with pytest.raises(StoreError, match=r"cut.duckdb is no Datakit store, or a damaged one"):
            getattr(Store(cut), mode)().__enter__()
        assert cut.stat().st_size == length
    with pytest.raises(StoreError, match="is no Datakit store"):
        getattr(Store(store.path.parent), mode)().__enter__()


def test_any_name_may_be_a_store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine.csv", "md:mine", ":memory:"):
        with Store(name).write() as con:
            con.execute("INSERT INTO recipes VALUES (uuid(), 'm', NULL, NULL)")
        assert count(Store(name)) == 1


HOLD = """
    import sys, time
    from datakit.store import Store
    with Store(sys.argv[1]).write():
        print("open", flush=True)
        time.sleep(float(sys.argv[2]))
"""


def test_a_second_writer_waits_for_the_first(store):
    with python(HOLD, store.path, 1.0) as holder:
        assert holder.stdout.readline() == "open\n"
        with store.write() as con:
            con.execute("INSERT INTO recipes VALUES (uuid(), 'm', NULL, NULL)")
    assert holder.returncode == 0
    assert count(store) == 1


@pytest.mark.parametrize("mode", ["read", "write"])
def test_whoever_waits_too_long_learns_which_process_holds_the_store(store, mode):
    impatient = Store(store.path, wait_seconds=0.5)
    with python(HOLD, store.path, 60) as holder:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StoreBusyError, match=f"process {holder.pid}"), getattr(impatient, mode)():
            pass
        holder.kill()


def test_two_writers_at_once_lose_nothing(store):
    code = """
        import sys
        from datakit.store import Store
        for _ in range(20):
            with Store(sys.argv[1]).write() as con:
                con.execute("INSERT INTO recipes VALUES (uuid(), 'm', NULL, NULL)")
    """
    writers = [python(code, store.path) for _ in range(3)]
    for writer in writers:
        assert writer.communicate()[1] == ""
    assert count(store) == 60


def drop_root_privilege() -> None:
    """Root may write any file; without this capability its file modes count as everybody's do."""
    os.setpgrp()
    ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


def test_a_read_only_store_can_be_read_and_says_why_it_cannot_be_written(store):
    store.path.chmod(0o444)
    code = """
        import sys
        from datakit.store import Store
        from schemas.errors import StoreError
        with Store(sys.argv[1]).read() as con:
            print(con.execute("SELECT count(*) FROM recipes").fetchone()[0])
        try:
            with Store(sys.argv[1]).write():
                print("written")
        except StoreError as error:
            print(error)
    """
    out, err = python(code, store.path, preexec_fn=drop_root_privilege).communicate()
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == "0"
    assert len(lines) == 2
    assert "cannot open store" in lines[1]
    assert "Permission denied" in lines[1]


def small_files_only() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))


def test_a_full_disk_is_one_clear_line_and_leaves_what_was_committed(store):
    code = """
        import sys
        from datakit.store import Store
        from schemas.errors import StoreError
        done = 0
        try:
            for _ in range(100):
                with Store(sys.argv[1]).write() as con:
                    con.execute(
                        "INSERT INTO prompts SELECT uuid(), to_json(repeat(uuid()::VARCHAR, 20)), NULL FROM range(1000)"
                    )
                done += 1
        except StoreError as error:
            print(done, error)
    """
    out, err = python(code, store.path, preexec_fn=small_files_only).communicate()
    assert err == ""
    assert len(out.splitlines()) == 1
    done = int(out.split()[0])
    assert 0 < done < 100
    assert "cannot write store" in out or "cannot open store" in out
    assert count(store, "prompts") == done * 1000
    with store.write() as con:  # with space again, it goes on
        con.execute("INSERT INTO prompts SELECT uuid(), '[]', NULL")
    assert count(store, "prompts") == done * 1000 + 1


def test_ids_are_the_same_in_python_and_in_sql(store):
    value = [{"role": "user", "content": 'naïve 你好 "x" \\ \n'}, None, 1.5, True]
    with store.read() as con:
        in_sql = con.execute("SELECT md5(?)::UUID::VARCHAR", [canonical_json(value)]).fetchone()[0]
    assert in_sql == content_id(value)


def test_insert_unless_keeps_the_first_of_each_key(store):
    ids = [content_id(1), content_id(2), content_id(1)]
    rows = pa.table({"recipe_id": ids, "model": ["a", "b", "c"]})
    with store.write() as con:
        assert insert(con, "recipes", rows, unless=["recipe_id"]) == 2
        assert insert(con, "recipes", rows, unless=["recipe_id"]) == 0


def test_a_run_that_writes_nothing_leaves_no_row(store):
    with Run(store, "score", params={}, inputs={}):
        pass
    assert count(store, "runs") == 0


def test_a_run_records_how_it_ended(store):
    for error, status in ((None, "done"), (ValueError, "failed"), (KeyboardInterrupt, "interrupted")):
        try:
            with Run(store, "score", params={"a": 1}, inputs={}) as run:
                with run.transaction() as con:
                    run.ledger(con, [{"reason": "tied", "detail": "x"}])
                if error:
                    raise error
        except (ValueError, KeyboardInterrupt):
            pass
        with store.read() as con:
            row = con.execute("SELECT status, counts FROM runs WHERE run_id = ?", [run.run_id]).fetchone()
        assert row == (status, '{"dropped:tied":1}')


def test_an_acknowledged_commit_survives_kill_9(store):
    code = """
        import sys
        from datakit.store import Store
        while True:
            with Store(sys.argv[1]).write() as con:
                con.execute("INSERT INTO recipes VALUES (uuid(), 'm', NULL, NULL)")
            print("committed", flush=True)
    """
    committed = 0
    for _ in range(5):
        writer = python(code, store.path)
        for _ in range(4):
            assert writer.stdout.readline() == "committed\n"
        writer.kill()
        committed += 4 + len(writer.communicate()[0].splitlines())
        assert committed <= count(store) <= committed + 5
        committed = count(store)
