#pragma once
// The one way to doctest. c10 and doctest both define CHECK: engine tests include tests/support/tensor_test.h, which puts torch first.
#include <doctest/doctest.h>
