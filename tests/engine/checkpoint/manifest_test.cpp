#include "engine/checkpoint/manifest.h"

#include "engine/checkpoint/checksum.h"
#include "engine/core/file.h"
#include "tests/engine/checkpoint/simulated_run.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

std::string saved_manifest(const ModelShape& model) {
  TemporaryDirectory directory;
  save_simulated(directory.path(), model, {.tensor = 2, .data = 2, .zero = true}, 3);
  return read_file(directory.path() / "step-00000003" / "manifest.json");
}

TEST_CASE("a manifest read and written again is the same text, for every model") {
  for (const ModelShape& model : {small_gpt(), small_llama()}) {
    const std::string text = saved_manifest(model);
    CHECK(manifest_text(parse_manifest(text)) == text);
    CHECK(json::accept(text));
  }
}

TEST_CASE("a manifest keeps the loss scale of an fp16 run, and reads one that has none") {
  Manifest manifest = parse_manifest(saved_manifest(small_gpt()));
  CHECK(manifest.snapshot.loss_scale == LossScale{});
  for (const LossScale& kept : {LossScale{4096, 17, 2}, LossScale{{}, 0, 2}}) {
    manifest.snapshot.loss_scale = kept;
    CHECK(parse_manifest(manifest_text(manifest)).snapshot.loss_scale == kept);
  }
  for (const LossScale& absurd : {LossScale{-1, 0, 0}, LossScale{1, -1, 0}, LossScale{1, 0, manifest.snapshot.step + 1}}) {
    manifest.snapshot.loss_scale = absurd;
    CHECK_THROWS_AS(parse_manifest(manifest_text(manifest)), BadManifest);
  }
}

TEST_CASE("a manifest with any byte changed or cut is refused") {
  const std::string text = saved_manifest(small_gpt());
  for (size_t i = 0; i < text.size(); i += 7) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    CHECK_THROWS_AS(parse_manifest(damaged), BadManifest);
    CHECK_THROWS_AS(parse_manifest(text.substr(0, i)), BadManifest);
  }
  CHECK_THROWS_AS(parse_manifest(text + "\n"), BadManifest);
}

/// A manifest by another program: text replaced, checksum right.
std::string resealed(const std::string& text, const std::string& what, const std::string& with) {
  const size_t at = text.find(what), end = text.rfind(",\n\"xxh3\"");
  REQUIRE(at != std::string::npos);
  std::string body = text.substr(0, end);
  body.replace(at, what.size(), with);
  return body + ",\n\"xxh3\": \"" + checksum_text(xxh3(body)) + "\"\n}\n";
}

TEST_CASE("a manifest that contradicts itself is refused with the reason") {
  const std::string text = saved_manifest(small_gpt());
  const auto why = [&](const std::string& what, const std::string& with) -> std::string {
    try {
      parse_manifest(resealed(text, what, with));
    } catch (const BadManifest& bad) {
      return bad.what();
    }
    return "accepted";
  };
  CHECK(why("\"version\": 1", "\"version\": 2") == "it has version 2, this llmrun reads version 1");
  CHECK(why("llmrun checkpoint", "another") == "it is not an llmrun manifest");
  CHECK(why("\"name\": \"rank-00000", "\"name\": \"../../x") == "it names the file '../../x.safetensors'");
  CHECK(why("\"kind\": \"exp_avg\"", "\"kind\": \"weight\"") == "it has weight of 'transformer.wte.weight' twice");
  CHECK(why("\"file\": 1", "\"file\": 9") == "it speaks of file 9 of 4");
  CHECK(why("\"layers\":3", "\"layers\":4").find("'transformer.h.3.ln_1.weight' is missing") != std::string::npos);
  CHECK(why("\"layers\":3", "\"layers\":2").find("the model has no 'transformer.h.2") != std::string::npos);
  CHECK(why("\"box\": [0, 19, 0, 16]", "\"box\": [1, 20, 0, 16]").find("overlap") != std::string::npos);
  CHECK(why("\"box\": [0, 19, 0, 16], \"flat\": [0,", "\"box\": [0, 19, 0, 16], \"flat\": [1,").find("0 to 1 are missing") !=
        std::string::npos);
  CHECK(why("\"layers\":3", "\"layers\":100001") == "it is malformed: model.layers 100001 is out of range");
  CHECK(why("\"layers\":3", "\"layers\":1e300") == "it is malformed: 1e+300 is not a whole number");
  CHECK(why("\"file\": 1", "\"file\": true") == "it is malformed: true is not a whole number");
  CHECK(why("\"config\": {", "\"config\": {\"deep\":" + std::string(100'000, '[') + std::string(100'000, ']') + ",").find("32 levels") !=
        std::string::npos);
  CHECK(why("\"flat\": [0, ", "\"flat\": [-9223372036854775808, 9").find("runs out of") != std::string::npos);
  CHECK(why("\"samples\"", "\"sample\"").find("malformed") != std::string::npos);
  CHECK(why("\"family\":\"gpt\"", "\"family\":\"bert\"") == "it is malformed: 'bert' is no value of 'family'");
}

}  // namespace
}  // namespace llmrun
