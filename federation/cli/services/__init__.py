"""atoll services, export and unexport: see Services of several clusters, and share or withdraw them."""
