#include "engine/core/system_error.h"

#include <cerrno>
#include <new>
#include <stdexcept>

#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

using namespace llmrun;
namespace fs = std::filesystem;

namespace {

template <typename Work>
Error thrown_by(Work work) {
  try {
    work();
  } catch (const std::exception& caught) {
    return as_error(caught);
  }
  return Error(Exit::done, "nothing was thrown");
}

std::string hint_of(const Error& error) { return error.complaints().back().hint; }

}  // namespace

TEST_CASE("what a file system refuses is told with the path, the reason and a hint") {
  const TemporaryDirectory directory;
  const fs::path loop = directory / "loop", under = loop / "file";
  fs::create_symlink("loop", loop);
  const Error looked = thrown_by([&] { fs::exists(under); });
  CHECK(looked.code() == Exit::preflight);
  CHECK(looked.what() == fmt::format("cannot look at '{}': Too many levels of symbolic links", under.string()));
  CHECK(hint_of(looked) == fmt::format("ls -l '{}'", under.string()));
  const Error created = thrown_by([&] { fs::create_directories(under); });
  CHECK(created.code() == Exit::preflight);
  CHECK_MESSAGE(std::string(created.what()).starts_with("cannot create '"), created.what());
  const Error renamed = thrown_by([&] { fs::rename(directory / "none", directory / "other"); });
  CHECK(renamed.what() == fmt::format("cannot rename '{}': No such file or directory", directory / "none"));
}

TEST_CASE("a name that is refused for its length does not fill the screen") {
  const Error error = thrown_by([] { fs::exists(fs::path(std::string(5000, 'x'))); });
  CHECK(error.code() == Exit::preflight);
  CHECK(std::string(error.what()).size() < 300);
  CHECK(hint_of(error) == "a name may have 255 bytes, a whole path 4095");
}

TEST_CASE("a full disk is a failure, not a wrong request") {
  const auto full = [](int cause) {
    return thrown_by([&] { throw fs::filesystem_error("write", "/scratch/run/x", {cause, std::generic_category()}); });
  };
  CHECK(full(ENOSPC).code() == Exit::failed);
  CHECK(full(ENOSPC).what() == std::string("cannot write '/scratch/run/x': No space left on device"));
  CHECK(hint_of(full(ENOSPC)) == "df -h /scratch/run");
  CHECK(full(EACCES).code() == Exit::preflight);
}

TEST_CASE("memory that is not there is one line, whoever asked for it") {
  const Error ours = thrown_by([] { throw std::bad_alloc(); });
  CHECK(ours.what() == std::string("out of memory"));
  CHECK(hint_of(ours) != "");
  const Error torch = thrown_by([] {
    throw std::runtime_error(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 16 bytes. "
        "Error code 12 (Cannot allocate memory)\nframe #0: c10::ThrowEnforceNotMet\n");
  });
  CHECK(torch.what() == std::string("out of memory: you tried to allocate 16 bytes"));
  CHECK(hint_of(torch) != "");
  const Error gpu = thrown_by([] { throw std::runtime_error("CUDA out of memory. Tried to allocate 2.00 GiB.\nException raised from x"); });
  CHECK(gpu.what() == std::string("CUDA out of memory. Tried to allocate 2.00 GiB."));
  CHECK(hint_of(gpu) != "");
}

TEST_CASE("our own errors pass as they are, others give their first line") {
  const Error known = thrown_by([] { throw Error(Exit::numerics, "nan").hint("look"); });
  CHECK(known.code() == Exit::numerics);
  CHECK(hint_of(known) == "look");
  const Error other = thrown_by([] { throw std::runtime_error("shapes differ\nframe #0: x\n"); });
  CHECK(other.code() == Exit::failed);
  CHECK(other.what() == std::string("shapes differ"));
}
