// config.json of a Hugging Face model directory, as `model.from` reads it.
#include "engine/core/spec/hugging_face.h"

#include "engine/core/spec/decode.h"
#include "tests/fuzz/target.h"
#include "tests/support/temporary_directory.h"

using namespace llmrun;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TemporaryDirectory directory;
  fuzz::write_file(directory / "config.json", fuzz::text_of(data, size));
  try {
    Config config;
    std::vector<Complaint> complaints;
    apply(model_of_hugging_face(directory.path()), config, complaints);
  } catch (const Error& refused) {
    fuzz::promise(refused.code() == Exit::preflight, "a refused model is told as a preflight error");
  }
  return 0;
}
