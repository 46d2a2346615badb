"""The program as a Python client sees it: stubs generated from proto/, 10,000 articles through a real server.

    python -m unittest discover python/tests        (needs grpcio, grpcio-tools, grpcio-reflection and a built program;
                                                     GEOTOPICS names it, default target/debug/geotopics)
"""

import importlib
import os
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[2]
ARTICLES = 10_000
# Stands in texts that shall not be UTF-8, until the message is bytes.
PLACEHOLDER, NOT_UTF8 = "\x01broken\x01", b"\x01\xff\xfe\xfd\xfc\xfb\xfa\x01"

OPENINGS = [
    "Officials met on {day} to review the budget.",
    "Ministers spoke to reporters on {day}, after a long night.",
    "\U0001f686 Видавець повідомив у {day}.",
    "Zəngəzur haqqında məqalə, {day}.",
]
MIDDLES = [
    "Freight along the Middle Corridor grew by {number} percent.",
    "A train with {number} containers crossed the Caspian on the Middle Corridor.",
]
OTHERS = [
    "The singer sold {number} tickets in an hour.",
    "The home side won by {number} goals, and the coach smiled.",
]
ENDINGS = ["More is expected next week.", "Nobody could say why.", "La suite est attendue à l’été."]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]


def generate_stubs(folder):
    """Generates messages and stubs from proto/ and imports them."""
    files = [str(path.relative_to(ROOT / "proto")) for path in sorted((ROOT / "proto").rglob("*.proto"))]
    well_known = Path(protoc.__file__).parent / "_proto"
    command = ["protoc", f"-I{ROOT / 'proto'}", f"-I{well_known}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main(command + files) != 0:
        raise SystemExit("the stubs could not be generated")
    sys.path.insert(0, folder)
    modules = ("classification", "document", "classification_service", "ruleset_service")
    messages = [importlib.import_module(f"geotopics.v1.{module}_pb2") for module in modules]
    return messages, importlib.import_module("geotopics.v1.classification_service_pb2_grpc"), importlib.import_module(
        "geotopics.v1.ruleset_service_pb2_grpc"
    )


class Article:
    """An article, and what is to become of it."""

    def __init__(self, number, chance):
        text = [chance.choice(OPENINGS), chance.choice(ENDINGS)]
        self.about_corridors = chance.random() < 0.5
        text.insert(1, chance.choice(MIDDLES if self.about_corridors else OTHERS))
        self.id = f"article-{number}"
        self.text = "\n\n".join(text).format(day=chance.choice(DAYS), number=chance.randint(2, 90))
        self.fault = chance.choice(["text", "published"]) if chance.random() < 0.02 else None
        if self.fault == "text":
            self.text += PLACEHOLDER


class GrpcTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        modules, classification, rulesets = generate_stubs(folder.name)
        cls.classification, cls.document, cls.calls, cls.rulesets = modules
        program = os.environ.get("GEOTOPICS", str(ROOT / "target/debug/geotopics"))
        cls.server = subprocess.Popen([program, "serve", "--listen", "127.0.0.1:0", "--http", "off"], stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.stop)
        cls.address = cls.server.stdout.readline().strip().rpartition("http://")[2]
        cls.channel = grpc.insecure_channel(cls.address)
        cls.addClassCleanup(cls.channel.close)
        cls.client = classification.ClassificationServiceStub(cls.channel)
        cls.ruleset_client = rulesets.RulesetServiceStub(cls.channel)
        chance = random.Random(20240601)
        cls.articles = [Article(number, chance) for number in range(ARTICLES)]

    @classmethod
    def stop(cls):
        cls.server.terminate()
        if cls.server.wait(timeout=30) != 0:
            raise AssertionError(f"the server ended with {cls.server.returncode}")
        cls.server.stdout.close()

    def message(self, article):
        document = self.document.Document(id=article.id, text=article.text)
        if article.fault == "published":
            document.published.seconds = 2**40
        return document

    def options(self):
        return self.classification.ClassifyOptions(offset_unit=self.classification.OFFSET_UNIT_CODE_POINTS)

    def send(self, method, kind, request, answer):
        """A call whose requests are bytes, so that texts that are not UTF-8 can be sent."""
        call = getattr(self.channel, kind)(
            f"/geotopics.v1.ClassificationService/{method}",
            request_serializer=lambda message: message.SerializeToString().replace(PLACEHOLDER.encode(), NOT_UTF8),
            response_deserializer=answer.FromString,
        )
        return call(request, timeout=300)

    def check(self, articles, results):
        """Checks that there is one result an article, in order, and that it says what it should."""
        self.assertEqual(len(results), len(articles))
        for place, (article, result) in enumerate(zip(articles, results)):
            if article.fault:
                self.assertEqual(result.error.document_id, article.id)
                self.assertEqual(result.error.status.code, grpc.StatusCode.INVALID_ARGUMENT.value[0])
                self.assertIn(f"documents[{place}].{article.fault}: ", result.error.status.message)
                continue
            answer = result.classification
            self.assertEqual(answer.document_id, article.id)
            labels = {label.topic: label for label in answer.labels}
            self.assertEqual("transport_corridors" in labels, article.about_corridors, article.text)
            if article.about_corridors:
                spans = [span for found in labels["transport_corridors"].evidence for span in found.spans]
                self.assertIn("Middle Corridor", [article.text[span.start : span.end] for span in spans])

    def test_unary(self):
        for article in self.articles[:500]:
            request = self.calls.ClassifyRequest(document=self.message(article), options=self.options())
            try:
                answer = self.send("Classify", "unary_unary", request, self.calls.ClassifyResponse)
            except grpc.RpcError as error:
                self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
                self.assertIn(f"document.{article.fault}: ", error.details())
            else:
                self.check([article], [self.classification.ClassifyResult(classification=answer.classification)])

    def test_batches(self):
        for start in range(0, ARTICLES, 500):
            articles = self.articles[start : start + 500]
            documents = [self.message(article) for article in articles]
            request = self.calls.ClassifyBatchRequest(documents=documents, options=self.options())
            answer = self.send("ClassifyBatch", "unary_unary", request, self.calls.ClassifyBatchResponse)
            self.check(articles, answer.results)

    def test_stream_of_single_articles(self):
        self.stream(lambda chance: 1)

    def test_stream_of_messages_of_any_size(self):
        self.stream(lambda chance: chance.choice([0, 1, 1, 2, 7, 64]))

    def stream(self, size):
        messages, start, chance = [], 0, random.Random(7)
        while start < ARTICLES:
            messages.append(self.articles[start : start + size(chance)])
            start += len(messages[-1])

        def requests():
            for number, articles in enumerate(messages):
                options = self.options() if number == 0 else None
                documents = [self.message(article) for article in articles]
                yield self.calls.ClassifyStreamRequest(documents=documents, options=options)

        answers = self.send("ClassifyStream", "stream_stream", requests(), self.calls.ClassifyStreamResponse)
        answered = 0
        for articles, answer in zip(messages, answers, strict=True):
            self.check(articles, answer.results)
            answered += len(answer.results)
        self.assertEqual(answered, ARTICLES)

    def test_explain(self):
        article = next(article for article in self.articles if article.about_corridors and not article.fault)
        request = self.calls.ExplainRequest(document=self.message(article), topics=["transport_corridors"])
        (topic,) = self.client.Explain(request).topics
        self.assertTrue(topic.label)
        text = article.text.encode()
        terms = [text[hit.start : hit.end].decode() for rule in topic.rules for hit in rule.hits]
        self.assertIn("Middle Corridor", terms)

    def test_rulesets(self):
        (ruleset,) = self.ruleset_client.ListRulesets(self.rulesets.ListRulesetsRequest()).rulesets
        self.assertTrue(ruleset.default)
        answer = self.ruleset_client.GetRuleset(self.rulesets.GetRulesetRequest())
        self.assertEqual(len(answer.topics), ruleset.topics)

    def test_reflection(self):
        database = ProtoReflectionDescriptorDatabase(self.channel)
        self.assertIn("geotopics.v1.ClassificationService", database.get_services())
        pool = DescriptorPool(database)
        service = pool.FindServiceByName("geotopics.v1.ClassificationService")
        calls = [method.name for method in service.methods]
        self.assertEqual(calls, ["Classify", "ClassifyBatch", "ClassifyStream", "Explain"])
        document = pool.FindMessageTypeByName("geotopics.v1.Document")
        self.assertEqual(document.fields_by_name["title"].type, document.fields_by_name["title"].TYPE_STRING)


if __name__ == "__main__":
    unittest.main()
