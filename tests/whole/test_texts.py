"""Each route of the whole has Chinese words on /docs: myapi's, and a team's in app/zh.json."""

from myapi.web.openapi.description import describe


def texts_of(part):
    """Yield all summaries and descriptions except those of error responses."""
    if isinstance(part, list):
        for item in part:
            yield from texts_of(item)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in ("summary", "description") and isinstance(value, str):
                yield value
            elif key == "responses":
                yield from texts_of(value["200"]["content"])
            else:
                yield from texts_of(value)


def test_every_text_of_the_description_has_chinese_words(app):
    with app.app_context():
        description = describe(app)
    chinese = app.test_client().get("/docs/zh.json").get_json()
    texts = set(description["info"]["description"].split("\n\n"))
    texts |= {tag["name"] for tag in description["tags"]}
    texts |= set(texts_of([description["tags"], description["paths"]]))
    texts |= set(texts_of(description["components"]["schemas"]))
    assert sorted(texts - chinese.keys()) == [], "add these to app/zh.json"
