// manifest.json of a checkpoint. Its checksum turns chance damage away at the door; this input is sealed first, as a hostile one would be.
#include "engine/checkpoint/manifest.h"

#include "engine/checkpoint/checksum.h"
#include "tests/fuzz/target.h"

using namespace llmrun;

namespace {

/// `text` with its last member taken off and a true one put on.
std::string sealed(std::string_view text) {
  std::string body(text.substr(0, text.rfind(",\n\"xxh3\"")));
  return body + ",\n\"xxh3\": \"" + checksum_text(xxh3(body)) + "\"\n}\n";
}

void read(std::string_view text) {
  try {
    const Manifest manifest = parse_manifest(text);
    fuzz::promise(manifest.bytes() >= 0, "sizes are not negative");
    const std::string again = manifest_text(manifest);
    fuzz::promise(manifest_text(parse_manifest(again)) == again, "a manifest written again is the same");
  } catch (const BadManifest&) {
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  read(text);
  read(sealed(text));
  return 0;
}
