# SPDX-License-Identifier: Apache-2.0
"""CKAN extension: changes of a site, handed to Grapnel."""
