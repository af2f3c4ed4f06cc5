# SPDX-License-Identifier: Apache-2.0
# The front door: `make help`. Meson and ninja do the work behind it.
BUILD ?= build

.PHONY: help build
help:            ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build:           ## the binary: build/grapnel
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD)
	@ninja -C $(BUILD)
