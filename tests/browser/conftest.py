"""The fixtures of the page's tests. Without Playwright, which `make test-page` installs, there are none of either."""

from importlib.util import find_spec

if find_spec("playwright"):
    from tests.browser.visits import address, browser, open_page

    __all__ = ["address", "browser", "open_page"]
else:
    collect_ignore = ["test_access.py", "test_answers.py", "test_isolation.py", "test_page.py"]
