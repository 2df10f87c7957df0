#include "launcher/process/exported.h"

#include "tests/support/test.h"

using namespace llmrun;

TEST_CASE("a value that ends in its own name goes before what is there, once") {
  Variables environment;
  environment.set("LD_LIBRARY_PATH", "/home/ada/lib");
  for (int time = 0; time < 2; ++time) {
    export_to(environment, "LD_LIBRARY_PATH", "/soft/lib:${LD_LIBRARY_PATH}");
    CHECK(environment.get("LD_LIBRARY_PATH") == "/soft/lib:/home/ada/lib");
  }
  Variables bare;
  export_to(bare, "LD_LIBRARY_PATH", "/soft/lib:${LD_LIBRARY_PATH}");
  CHECK(bare.get("LD_LIBRARY_PATH") == "/soft/lib");  // no colon at the end, which would mean the current directory
}

TEST_CASE("every other value is taken as it is written") {
  for (const std::string value : {"a b", "${HOME}/x", "x:${OTHER}", "", "$(reboot)"}) {
    Variables environment;
    environment.set("NAME", "old");
    environment.set("HOME", "/home/ada");
    export_to(environment, "NAME", value);
    CHECK(environment.get("NAME") == value);
    CHECK(exported("NAME", value).rest.empty());
  }
}
